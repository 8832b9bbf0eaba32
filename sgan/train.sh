#!/usr/bin/env bash
# Train the attention network; a stopped training continues: bash sgan/train.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"
"${launch[@]}" tools/stage2/train_sgan.py --cfg_file "$config" ${flags[@]+"${flags[@]}"}
