#!/usr/bin/env bash
# Pseudo labels of COCO from attention maps, and their score.
#
#   bash gen_gt_coco.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/coco.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "label score" "$here/configs/coco.yaml" "$@"
