#!/usr/bin/env bash
# The first training of L2G on VOC alone: ten epochs without pasted objects.
#
#   bash train_l2g_sal_voc.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/voc.yaml if it is left out. EXP, GPUS and PYTHON as in run_stages.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_stages.sh" "base" "$here/configs/voc.yaml" "$@"
