"""The network: VGG16 body, masked self-attention over salient and other cells, classification and seed branches."""
