#!/usr/bin/env bash
# DeepLab-v2 on pseudo labels of VOC: COCO weights, cross-entropy, 20,000 iterations. Train, test, CRF.
#
#   LABEL_DIR=pseudo_labels bash deeplabv2/run_voc12_coco_pretrained.sh [CONFIG] [--flag value ...]
#
# CONFIG is deeplabv2/configs/voc12_coco_pretrained.yaml if it is left out. bash deeplabv2/run_recipe.sh --help lists what
# can be set; every flag of python deeplabv2/main.py train can be given too.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" ;;
    *) exec bash "$here/run_recipe.sh" "$here/configs/voc12_coco_pretrained.yaml" "$@" ;;
esac
