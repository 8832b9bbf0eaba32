#!/usr/bin/env bash
# Score the seeds of a configuration: bash sgan/eval.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
exec "${PYTHON:-python}" "$(dirname "${BASH_SOURCE[0]}")/tools/eval_mIoU.py" "$@"
