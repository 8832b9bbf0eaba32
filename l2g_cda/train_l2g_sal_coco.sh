#!/usr/bin/env bash
# L2G on COCO.
#
#   bash train_l2g_sal_coco.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/coco.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "train" "$here/configs/coco.yaml" "$@"
