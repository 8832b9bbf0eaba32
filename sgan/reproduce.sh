#!/usr/bin/env bash
# From image tags to the row of the results table: marks, stage 0, training, seeds, DeepLab-v2, report.
#
#   bash sgan/reproduce.sh [CONFIG] [--flag value ...]
#
# CONFIG is config/toy.yml if it is left out: everything is generated, and done in under 8 minutes on two CPU cores.
# config/sgan_vgg16_321x321.yml is the paper's chain. Flags go to all SGAN stages. What is complete is skipped, so the same
# command continues a stopped run. Where common/chain has a configuration of the same name (toy, voc_animals), floor, plain CAM,
# CAM x saliency and ceiling are made too, and SGAN starts from their classifier; elsewhere stage0.sh makes one. Environment, all
# optional; relative paths are seen from where the command is given:
#   ROOT      the dataset                                        (the configuration's; toy: made when it is missing)
#   WEIGHTS   initial weights of the classifier, and of DeepLab-v2 where it has the same body (voc_animals): a file, or imagenet
#                                                                (the configurations')
#   MARKS     folder of floor, plain CAM, CAM x saliency and ceiling, one per --run.seed   (runs/<name>_marks)
#   DEEPLAB   configuration of DeepLab-v2                        (deeplabv2/configs/<name>.yaml, or that of the paper's body)
#   OUT       folder of DeepLab-v2 and the report                (runs/<name>_sgan, or runs/sgan)
#   DSRG      1 trains DeepLab-v2 also as the paper does, on the seeds themselves   (1; on the toy set 0, for its time)
#   STAGE0, GPUS, PYTHON   as in stage0.sh and train.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/chain.sh"
source ../common/marks.sh

out=$folder/../runs/sgan
deeplab=$folder/../deeplabv2/configs/voc12_coco_pretrained.yaml dsrg_config=$folder/../deeplabv2/configs/sgan_voc12.yaml
chain=common/chain/configs/$name.yaml dense=() deeplab_flags=() dsrg_flags=()
if [[ -f ../$chain ]]; then
    flags=(--stage0.classifier "$marks/baseline" ${flags[@]+"${flags[@]}"})
    out=$folder/../runs/${name}_sgan deeplab=$folder/../deeplabv2/configs/$name.yaml
    dsrg_config=$folder/../deeplabv2/configs/${name}_dsrg.yaml dense=(--cfg_file config/dense.yml)
    if [[ -n $weights ]]; then
        deeplab_flags=(--network.backbone.weights "$weights") dsrg_flags=(--network.backbone.weights "$weights")
    fi
fi
out=$(absolute "${OUT:-$out}") deeplab=$(absolute "${DEEPLAB:-$deeplab}")
dsrg=${DSRG:-$([[ $name == toy ]] && echo 0 || echo 1)}

all=(--cfg_file "$config" ${flags[@]+"${flags[@]}"})
answer() { "$python" tools/paths.py "$1" "${all[@]}" ${dense[@]+"${dense[@]}"}; }
dataset=$(answer dataset) seed=$(answer seed) training=$(answer training) labels=$(answer labels)
method=$(answer method) saliency=$(answer saliency) reports=()
seeds=$("$python" tools/paths.py seeds "${all[@]}")

if [[ $name == toy && ! -d $dataset/JPEGImages ]]; then "$python" -m common.data.toy "$dataset"; fi
if [[ -f ../$chain ]]; then
    # Marks belong to all methods, so their records name the dataset as the others do: inside the repository without its place.
    spelled=$("$python" -c "import sys, os; here = os.path.relpath(sys.argv[1], '..'); \
        print(os.path.normpath(sys.argv[1]) if here.startswith('..') else here)" "$dataset")
    mark_flags=(--root "$spelled" --seed "$seed")
    if [[ -n $weights ]]; then mark_flags+=(--weights "$weights"); fi
    cd ..
    begin_marks "$marks" -c "$chain" "${mark_flags[@]}"
    cd "$folder"
    "$python" tools/stage0/make_init.py "${all[@]}"
    "$python" tools/stage0/make_seeds.py "${all[@]}"
else
    WEIGHTS=$weights STAGE0=$(absolute "${STAGE0:-}") bash stage0.sh "$config" ${flags[@]+"${flags[@]}"}
fi

bash train.sh "$config" ${flags[@]+"${flags[@]}"}
bash infer.sh "$config" ${flags[@]+"${flags[@]}"}
bash eval.sh "$config" ${flags[@]+"${flags[@]}"}
reports+=("$("$python" tools/paths.py report "${all[@]}")")
if [[ ${#dense[@]} -gt 0 ]]; then
    bash infer.sh "$config" ${flags[@]+"${flags[@]}"} "${dense[@]}"
    bash eval.sh "$config" ${flags[@]+"${flags[@]}"} "${dense[@]}"
    reports+=("$(answer report)")
fi

experiment=$(basename "$training")
for stage in train test crf; do
    "$python" ../deeplabv2/main.py "$stage" -c "$deeplab" --root "$dataset" --label-dir "$labels" --EXP.OUTPUT_DIR "$out/deeplabv2" \
        --seed "$seed" --EXP.ID "$experiment" --method "$method" --saliency_source "$saliency" \
        ${deeplab_flags[@]+"${deeplab_flags[@]}"}
done
reports+=("$out/deeplabv2/scores/$experiment"/*/*)
if [[ $dsrg == 1 ]]; then
    segmentation=$out/segmentation
    LABEL_DIR=$seeds ROOT=$dataset OUT=$segmentation ID=$experiment bash segmentation/run.sh "$dsrg_config" \
        --method "$method (DSRG recipe)" --saliency_source "$saliency" ${dsrg_flags[@]+"${dsrg_flags[@]}"}
    reports+=("$segmentation/scores/$experiment"/*/*)
fi
if [[ -n ${marks_job:-} ]]; then
    end_marks
    reports=("$marks/baseline" "$marks"/deeplabv2/scores/*/*/val "${reports[@]}")
fi
"$python" -m common.report "${reports[@]}" --html "$out/report.html" --title "SGAN: $experiment"
