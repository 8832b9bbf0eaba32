#!/usr/bin/env bash
# The first training of L2G on VOC alone: ten epochs without pasted objects: bash train_l2g_sal_voc.sh [CONFIG] [--flag value ...]
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" base "$here/configs/voc.yaml" "$@"
