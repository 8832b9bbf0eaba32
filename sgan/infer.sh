#!/usr/bin/env bash
# Make seeds with the trained network, and label maps from them: bash sgan/infer.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"
"$python" tools/stage2/infer_cam.py --cfg_file "$config" ${flags[@]+"${flags[@]}"}
"$python" tools/stage2/make_labels.py --cfg_file "$config" ${flags[@]+"${flags[@]}"}
