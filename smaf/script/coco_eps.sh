#!/usr/bin/env bash
# EPS on COCO, its masks and their scores: bash script/coco_eps.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/main.py" cam label table "$here/configs/eps_coco.yaml" "$@"
