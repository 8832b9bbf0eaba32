#!/usr/bin/env bash
# From image tags to the row of the results table: marks, bank, both trainings, pseudo labels, DeepLab-v2, report.
#
#   bash l2g_cda/reproduce.sh [CONFIG] [--flag value ...]
#
# CONFIG is configs/toy.yaml if it is left out; flags go to the stages of L2G (python l2g_cda/main.py train --help). What is
# complete is skipped, so the same command continues a stopped run. Environment, all optional; relative paths are seen from
# the repository:
#   ROOT     the dataset                                     (toy: data/toy, made when it is missing)
#   WEIGHTS  initial weights of all bodies                   (toy: none, L2G starts from the marks' classifier)
#   SEED     of all trainings                                (0)
#   OUT      folder of all outputs                           (runs)
#   METHOD   row of the results table                        (L2G + suppression + SE + CDA)
#   PYTHON   interpreter                                     (python)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/configs/toy.yaml
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
fi
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    shift
fi
name=$(basename "$config" .yaml)
cd "$here/.."
source common/marks.sh
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

python=${PYTHON:-python}
seed=${SEED:-0}
out=${OUT:-runs}
method=${METHOD:-L2G + suppression + SE + CDA}
marks=$out/${name}_marks
run=$out/l2g_cda/${name}_seed$seed
bank=$out/l2g_cda/${name}_bank
case $name in
    toy)
        root=${ROOT:-data/toy}
        saliency="generated with the toy set"
        mark_flags=()
        weights=$marks/baseline/checkpoints/checkpoint_350.pth
        if [[ ! -d $root/JPEGImages ]]; then "$python" -m common.data.toy "$root"; fi
        ;;
    *)
        root=${ROOT:?say where the dataset lies: ROOT=FOLDER}
        weights=${WEIGHTS:?say which initial weights to use: WEIGHTS=FILE or imagenet}
        saliency="MobileNetV2 with a light decoder, trained on 900 ECSSD images and their masks"
        mark_flags=(--weights "$weights")
        ;;
esac

step() {
    echo
    echo "\$ $*"
    "$@"
}

step begin_marks "$marks" -c "common/chain/configs/$name.yaml" --root "$root" ${mark_flags[@]+"${mark_flags[@]}"}
step "$python" l2g_cda/make_bank.py --dataset "$(sed -n 's/^  dataset: //p' "$config")" --root "$root" \
    --labels "$marks/baseline/labels/cam_x_saliency" --least_salient 0.5 --output "$bank"
flags=(-c "$config" --experiment_name "$(basename "$run")" --runs "$(dirname "$run")" --data.root "$root" --seed "$seed"
    --body.weights "$weights" --cda.bank "$bank" --labels.folder "$run/labels" --labels.saliency_source "$saliency"
    --method "$method" "$@")
step "$python" l2g_cda/main.py train cam label score pictures "${flags[@]}"
for stage in train test crf; do
    init=()
    if [[ -n ${WEIGHTS:-} ]]; then init=(--network.backbone.weights "$weights"); fi
    step "$python" deeplabv2/main.py "$stage" -c "deeplabv2/configs/$name.yaml" --root "$root" --label-dir "$run/labels" \
        --EXP.OUTPUT_DIR "$run/deeplabv2" --EXP.ID l2g_cda --method "$method" --saliency_source "$saliency" \
        --seed "$seed" ${init[@]+"${init[@]}"}
done
step end_marks
folders=()
while IFS= read -r file; do folders+=("$(dirname "$file")"); done < <(find "$marks" "$run" -name results.json | sort)
step "$python" -m common.report "${folders[@]}" --html "$run/report.html" --title "L2G + CDA, $name"
