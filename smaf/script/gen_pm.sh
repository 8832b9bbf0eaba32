#!/usr/bin/env bash
# SMAF's pseudo masks of all training images, before and after the CRF, and their scores on VOC's official list: bash script/gen_pm.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/gen_pseudo_mask.py" table "$here/configs/voc.yaml" "$@"
