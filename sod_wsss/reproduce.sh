#!/usr/bin/env bash
# From image tags to the rows of the results table: bash sod_wsss/reproduce.sh [CONFIG] [--flag value ...]     (default: the toy set)
PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m common.method sod_wsss reproduce "$@"
