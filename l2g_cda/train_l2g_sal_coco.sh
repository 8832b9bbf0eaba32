#!/usr/bin/env bash
# L2G on COCO: bash train_l2g_sal_coco.sh [CONFIG] [--flag value ...]
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" train "$here/configs/coco.yaml" "$@"
