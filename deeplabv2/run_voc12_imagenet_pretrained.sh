#!/usr/bin/env bash
# DeepLab-v2 on pseudo labels of VOC: ImageNet weights, balanced cross-entropy, 7 scales, 30,000 iterations. Train, test, CRF.
# LABEL_DIR=pseudo_labels bash deeplabv2/run_voc12_imagenet_pretrained.sh [CONFIG] [--flag value ...]; --help lists flags and variables.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec bash "$here/run_recipe.sh" "$here/configs/voc12_imagenet_pretrained.yaml" "$@"
