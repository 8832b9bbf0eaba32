#!/usr/bin/env bash
# Train, test and refine one recipe: bash deeplabv2/run_recipe.sh CONFIG [--flag value ...]; --help lists flags and variables.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" "$here/main.py" all "$@"
