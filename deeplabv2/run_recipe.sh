#!/usr/bin/env bash
# Train, test and refine one recipe: bash deeplabv2/run_recipe.sh CONFIG [OTHER_CONFIG] [--flag value ...]
#
# OTHER_CONFIG takes the place of CONFIG: the recipes beside this script name theirs and hand over what they were given.
# A stopped run continues when the same command is given again. Flags go to all three stages (python deeplabv2/main.py
# train --help). Environment, all optional; relative paths are seen from where you are:
#   LABEL_DIR   folder of training masks <id>.png, e.g. pseudo labels   (the dataset's own masks)
#   ROOT        the dataset                                             (the configuration's)
#   OUT         folder of all outputs                                   (the configuration's)
#   INIT_MODEL  checkpoint to start from                                (the configuration's)
#   ID          name of the experiment in output paths                  (the configuration's)
#   METHOD      row of the results table                                (the configuration's, or the name of LABEL_DIR)
#   GPUS        processes that train and test, one per GPU              (1)
#   JOBS        processes that compute the CRF                          (one per core)
#   PYTHON      interpreter                                             (python)
set -euo pipefail

if [[ $# -eq 0 || $1 == -h || $1 == --help ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
fi

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
config=$1
shift
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$1
    shift
fi
flags=(-c "$(absolute "$config")")
if [[ -n ${LABEL_DIR:-} ]]; then flags+=(--label-dir "$(absolute "$LABEL_DIR")"); fi
if [[ -n ${ROOT:-} ]]; then flags+=(--root "$(absolute "$ROOT")"); fi
if [[ -n ${OUT:-} ]]; then flags+=(--EXP.OUTPUT_DIR "$(absolute "$OUT")"); fi
if [[ -n ${INIT_MODEL:-} ]]; then flags+=(--MODEL.INIT_MODEL "$(absolute "$INIT_MODEL")"); fi
if [[ -n ${ID:-} ]]; then flags+=(--EXP.ID "$ID"); fi
if [[ -n ${METHOD:-} ]]; then flags+=(--EXP.METHOD "$METHOD"); fi
flags+=("$@")
jobs=()
if [[ -n ${JOBS:-} ]]; then jobs=(-j "$JOBS"); fi
launch=("${PYTHON:-python}")
if [[ ${GPUS:-1} -gt 1 ]]; then launch+=(-m torch.distributed.run --nproc_per_node "$GPUS"); fi

# The paths of the configurations are seen from the repository; it need not be installed.
cd "$repository"
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
"${launch[@]}" deeplabv2/main.py train "${flags[@]}"
"${launch[@]}" deeplabv2/main.py test "${flags[@]}"
"${launch[@]}" deeplabv2/main.py crf "${flags[@]}" ${jobs[@]+"${jobs[@]}"}
