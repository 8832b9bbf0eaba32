#!/usr/bin/env bash
# Make maps with the trained network, then seeds and label maps: bash sgan/infer.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
exec "${PYTHON:-python}" "$(dirname "${BASH_SOURCE[0]}")/tools/stage2/infer_cam.py" "$@"
