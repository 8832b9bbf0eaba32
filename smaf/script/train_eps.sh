#!/usr/bin/env bash
# SMAF's initial model: EPS with SMAF's head on VOC: bash script/train_eps.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/main.py" "$here/configs/voc.yaml" "$@"
