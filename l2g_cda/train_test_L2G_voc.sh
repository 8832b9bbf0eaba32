#!/usr/bin/env bash
# L2G on VOC: ten epochs, three more with pasted objects, then the maps for random-walk refinement: bash train_test_L2G_voc.sh [CONFIG] [--flag value ...]
here=$(dirname "${BASH_SOURCE[0]}")
exec "${PYTHON:-python}" "$here/main.py" train random_walk "$here/configs/voc.yaml" "$@"
