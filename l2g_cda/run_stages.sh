#!/usr/bin/env bash
# Run stages of one configuration: bash l2g_cda/run_stages.sh "STAGES" CONFIG [OTHER_CONFIG] [--flag value ...]
#
# OTHER_CONFIG takes the place of CONFIG: the scripts beside this one name theirs and hand over what they were given.
# Stages: train (both trainings), base, pasting, cam, random_walk, label, score. What is complete is skipped, a stopped stage
# continues. Flags go to all stages (python l2g_cda/main.py train --help). Relative paths in configurations and flags are
# seen from the repository; CONFIG itself from where you are. Environment, all optional:
#   EXP     name of the experiment: folder below runs       (the configuration's)
#   GPUS    processes that train and infer, one per GPU     (1)
#   PYTHON  interpreter                                     (python)
set -euo pipefail

if [[ $# -lt 2 || $1 == -h || $1 == --help ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
fi

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
read -r -a stages <<<"$1"
config=$2
shift 2
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$1
    shift
fi
flags=(-c "$(absolute "$config")")
if [[ -n ${EXP:-} ]]; then flags+=(--experiment_name "$EXP"); fi
flags+=("$@")
launch=("${PYTHON:-python}")
if [[ ${GPUS:-1} -gt 1 ]]; then launch+=(-m torch.distributed.run --nproc_per_node "$GPUS"); fi

cd "$repository"
for stage in "${stages[@]}"; do
    echo "l2g_cda: $stage"
    "${launch[@]}" l2g_cda/main.py "$stage" "${flags[@]}"
done
