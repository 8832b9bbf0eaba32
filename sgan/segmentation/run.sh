#!/usr/bin/env bash
# DeepLab-v2 on a folder of seeds, as SGAN trains it: train, test, CRF. --help lists flags and variables.
# bash sgan/segmentation/run.sh [CONFIG] --label-dir SEEDS [--root DATASET] [--weights FILE] [--flag value ...]
set -euo pipefail
deeplab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../deeplabv2" && pwd)
exec bash "$deeplab/run_recipe.sh" "$deeplab/configs/sgan_voc12.yaml" "$@"
