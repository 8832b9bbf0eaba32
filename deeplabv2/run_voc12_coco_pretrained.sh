#!/usr/bin/env bash
# DeepLab-v2 on pseudo labels of VOC: COCO weights, cross-entropy, 20,000 iterations. Train, test, CRF.
# LABEL_DIR=pseudo_labels bash deeplabv2/run_voc12_coco_pretrained.sh [CONFIG] [--flag value ...]; --help lists flags and variables.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_recipe.sh" "$here/configs/voc12_coco_pretrained.yaml" "$@"
