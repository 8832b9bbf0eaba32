#!/usr/bin/env bash
# The CAM baseline of EPS on COCO, its masks and their scores: bash script/coco_cls.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/main.py" cam label table "$here/configs/cls_coco.yaml" "$@"
