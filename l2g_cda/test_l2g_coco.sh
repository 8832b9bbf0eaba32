#!/usr/bin/env bash
# Attention maps of a trained L2G on COCO: runs/<EXP>/ms/attention/<id>_<c>.png: bash test_l2g_coco.sh [CONFIG] [--flag value ...]
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" cam "$here/configs/coco.yaml" "$@"
