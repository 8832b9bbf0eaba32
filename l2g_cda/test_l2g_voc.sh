#!/usr/bin/env bash
# Attention maps of a trained L2G on VOC: runs/<EXP>/ms/attention/<id>_<c>.png.
#
#   bash test_l2g_voc.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/voc.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "cam" "$here/configs/voc.yaml" "$@"
