"""What all methods share: data, models, the training loop, CAMs, pseudo labels, metrics, reports."""

import os

# torch's OpenMP threads spin while they wait for each other. Beside any other busy process (another training, the workers that
# load images) that makes small networks up to twenty times slower; sleeping threads cost a few per cent on an idle machine.
# OpenMP reads this when torch is loaded, so it has to be said before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
