"""What all methods share: data, models, the training loop, CAMs, pseudo labels, metrics, reports."""

import os

from common.interruption import begin_program

# torch's OpenMP threads spin while they wait for each other. Beside any other busy process (another training, the workers that
# load images) long spinning makes small networks many times slower; threads that sleep at once make them a third slower on an
# idle machine. A microsecond or so of spinning costs little in either case. OpenMP reads this when torch is loaded, so it has
# to be said before.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

begin_program()
