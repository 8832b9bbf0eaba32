#!/usr/bin/env bash
# Attention maps of a trained L2G on COCO: runs/<EXP>/ms/attention/<id>_<c>.png.
#
#   bash test_l2g_coco.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/coco.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "cam" "$here/configs/coco.yaml" "$@"
