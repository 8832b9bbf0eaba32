#!/usr/bin/env bash
# L2G on COCO: bash train_l2g_sal_coco.sh [CONFIG] [--flag value ...]
# EXP in the environment names the experiment, GPUS the number of processes, PYTHON the interpreter.
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" train "$here/configs/coco.yaml" "$@"
