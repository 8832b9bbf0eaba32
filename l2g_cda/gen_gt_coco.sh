#!/usr/bin/env bash
# Pseudo labels of COCO from attention maps, and their score: bash gen_gt_coco.sh [CONFIG] [--flag value ...]
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" label score "$here/configs/coco.yaml" "$@"
