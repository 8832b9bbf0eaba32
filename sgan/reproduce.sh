#!/usr/bin/env bash
# The whole chain, from data to a table row: bash sgan/reproduce.sh [CONFIG] [--flag value ...]
#
# With config/toy.yml everything is generated and done in under 8 minutes on two CPU cores: floor, plain CAM, CAM x saliency and
# ceiling first, then stage 0, training, seeds, DeepLab-v2 on the dense label maps, and one table. Other configurations need
# their dataset and make their classifier by stage0.sh. Flags go to all SGAN stages. Environment:
#   MARKS       folder of the comparison on the toy set, one per --seed (runs/toy_marks)
#   DEEPLAB     configuration of DeepLab-v2 (that of its paper recipe, or the toy one)
#   OUT         folder of DeepLab-v2 and the report (runs/toy_sgan, or runs/sgan)
#   DSRG        1 trains DeepLab-v2 also as the paper does, on the seeds themselves (default: not on the toy set, for its time)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"

stages=(--cfg_file "$config" ${flags[@]+"${flags[@]}"})
deeplab=${DEEPLAB:-../deeplabv2/configs/voc12_coco_pretrained.yaml} out=${OUT:-../runs/sgan} label_stage=()
dataset=$("$python" tools/paths.py dataset "${stages[@]}")
seed=$("$python" tools/paths.py seed "${stages[@]}")
reports=() dsrg=${DSRG:-1} dsrg_config=segmentation/configs/voc12.yaml
if [[ $(basename "$config") == toy* ]]; then
    marks=${MARKS:-../runs/toy_marks} out=${OUT:-../runs/toy_sgan} deeplab=${DEEPLAB:-../deeplabv2/configs/toy.yaml}
    "$python" -m common.data.toy "$dataset"
    source ../common/marks.sh
    from_repository() { "$python" -c "import os, sys; print(os.path.relpath(sys.argv[1], '..'))" "$1"; }
    # The marks belong to all methods: they are made with paths as the others spell them.
    marks_there=$(from_repository "$marks") dataset_there=$(from_repository "$dataset")
    cd ..
    begin_marks "$marks_there" -c common/chain/configs/toy.yaml --root "$dataset_there" --seed "$seed"
    cd "$folder"
    "$python" tools/stage0/make_init.py "${stages[@]}"
    "$python" tools/stage0/make_seeds.py "${stages[@]}"
    label_stage=(--cfg_file config/dense.yml) dsrg=${DSRG:-0} dsrg_config=segmentation/configs/toy.yaml
else
    bash stage0.sh "$config" ${flags[@]+"${flags[@]}"}
fi
bash train.sh "$config" ${flags[@]+"${flags[@]}"}
bash infer.sh "$config" ${flags[@]+"${flags[@]}"}
bash eval.sh "$config" ${flags[@]+"${flags[@]}"}
seeds=$("$python" tools/paths.py seeds "${stages[@]}")
reports+=("$("$python" tools/paths.py report "${stages[@]}")")
if [[ ${#label_stage[@]} -gt 0 ]]; then
    bash infer.sh "$config" ${flags[@]+"${flags[@]}"} "${label_stage[@]}"
    bash eval.sh "$config" ${flags[@]+"${flags[@]}"} "${label_stage[@]}"
    reports+=("$("$python" tools/paths.py report "${stages[@]}" "${label_stage[@]}")")
fi
labels=$("$python" tools/paths.py labels "${stages[@]}" ${label_stage[@]+"${label_stage[@]}"})
name=$(basename "$("$python" tools/paths.py training "${stages[@]}")")
method=$("$python" tools/paths.py method "${stages[@]}")
source_of_maps=$("$python" tools/paths.py saliency "${stages[@]}")
for stage in train test crf; do
    "$python" ../deeplabv2/main.py "$stage" -c "$deeplab" --root "$dataset" --label-dir "$labels" --EXP.OUTPUT_DIR "$out/deeplabv2" \
        --seed "$seed" --EXP.ID "$name" --EXP.METHOD "$method" --EXP.SALIENCY_SOURCE "$source_of_maps"
done
reports+=("$out/deeplabv2/scores/$name"/*/*)
if [[ $dsrg == 1 ]]; then
    segmentation=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")/segmentation_$name
    bash segmentation/run.sh "$dsrg_config" --label-dir "$seeds" --root "$dataset" --out "$segmentation" \
        --method "$method (DSRG recipe)" --saliency_source "$source_of_maps"
    reports+=("$segmentation")
fi
if [[ -n ${marks_job:-} ]]; then
    end_marks
    reports=("$marks/baseline" "$marks"/deeplabv2/scores/*/*/val "${reports[@]}")
fi
"$python" -m common.report "${reports[@]}" --html "$out/report.html" --title "SGAN: $name"
