#!/usr/bin/env bash
# Train the classifier; a stopped training continues: ./train.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
exec "${PYTHON:-python}" "$(dirname "${BASH_SOURCE[0]}")/scripts/train.py" "$@"
