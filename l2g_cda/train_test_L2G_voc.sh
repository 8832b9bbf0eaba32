#!/usr/bin/env bash
# L2G on VOC: ten epochs, three more with pasted objects, then the maps for random-walk refinement.
#
#   bash train_test_L2G_voc.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/voc.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "train random_walk" "$here/configs/voc.yaml" "$@"
