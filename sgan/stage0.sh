#!/usr/bin/env bash
# What SGAN starts from: classifier, its CAMs, initial weights, initial seeds: bash sgan/stage0.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m common.method sgan classifier make_init make_seeds "$@"
