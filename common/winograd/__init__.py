"""3x3 convolutions on the CPU with a quarter of the multiplications, forward and backward."""
