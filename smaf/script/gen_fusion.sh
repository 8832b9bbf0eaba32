#!/usr/bin/env bash
# Fused multi-scale maps of the initial model, from which SMAF learns, and masks of them: bash script/gen_fusion.sh [CONFIG] [--flag value ...]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "${PYTHON:-python}" "$here/gen_fused_cam.py" "$here/configs/voc.yaml" "$@"
