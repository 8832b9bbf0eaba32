#!/usr/bin/env bash
# From image tags to both rows of the results table: bash i2crc/reproduce.sh [CONFIG] [--flag value ...]     (default: the toy set)
PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m common.method i2crc reproduce "$@"
