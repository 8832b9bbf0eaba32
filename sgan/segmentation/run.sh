#!/usr/bin/env bash
# DeepLab-v2 on a folder of seeds, as SGAN trains it (DSRG's recipe): train, test, test with the dense CRF.
#
#   bash sgan/segmentation/run.sh [CONFIG] --label-dir SEEDS [--root DATASET] [--weights FILE] [--flag value ...]
#
# CONFIG is sgan/segmentation/configs/voc12.yaml if it is left out. Relative paths are seen from the repository. A stopped run
# continues when the same command is given again. Flags go to all three stages (python -m sgan.segmentation train --help).
# Environment, all optional:
#   GPUS     processes, one per GPU    (1)
#   PYTHON   interpreter               (python)
set -euo pipefail

case ${1:-} in
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
esac

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
config=$repository/sgan/segmentation/configs/voc12.yaml
if [[ $# -gt 0 && $1 != -* ]]; then
    case $1 in /*) config=$1 ;; *) config=$PWD/$1 ;; esac
    shift
fi
launch=("${PYTHON:-python}")
if [[ ${GPUS:-1} -gt 1 ]]; then launch+=(-m torch.distributed.run --nproc_per_node "$GPUS"); fi

cd "$repository"
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
"${launch[@]}" -m sgan.segmentation train -c "$config" "$@"
"${launch[@]}" -m sgan.segmentation test -c "$config" "$@"
"${launch[@]}" -m sgan.segmentation test -c "$config" "$@" --smooth
