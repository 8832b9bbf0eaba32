#!/usr/bin/env bash
# SMAF's self-training on the fused maps: bash script/train_fusion.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/train.py" "$here/configs/voc.yaml" "$@"
