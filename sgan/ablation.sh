#!/usr/bin/env bash
# What each ingredient adds: bash sgan/ablation.sh [CONFIG] [--variants A B] [--seeds 0 1 2] [--flag value ...]     (default: the toy set)
PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m common.method sgan ablation "$@"
