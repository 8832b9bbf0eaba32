#!/usr/bin/env bash
# Train the attention network; a stopped training continues: bash sgan/train.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
exec "${PYTHON:-python}" "$(dirname "${BASH_SOURCE[0]}")/tools/stage2/train_sgan.py" "$@"
