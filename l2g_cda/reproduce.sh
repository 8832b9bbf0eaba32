#!/usr/bin/env bash
# From image tags to the row of the results table: bash l2g_cda/reproduce.sh [CONFIG] [--flag value ...]     (default: the toy set)
PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m common.method l2g_cda reproduce "$@"
