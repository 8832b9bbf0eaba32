#!/usr/bin/env bash
# Attention maps of the trained classifier: ./test.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
exec "${PYTHON:-python}" "$(dirname "${BASH_SOURCE[0]}")/scripts/test.py" "$@"
