#!/usr/bin/env bash
# The first training of L2G on VOC alone: ten epochs without pasted objects: bash train_l2g_sal_voc.sh [CONFIG] [--flag value ...]
# EXP in the environment names the experiment, GPUS the number of processes, PYTHON the interpreter.
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" base "$here/configs/voc.yaml" "$@"
