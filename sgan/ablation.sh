#!/usr/bin/env bash
# One table of what each ingredient adds to the seeds and label maps.
#
#   bash sgan/ablation.sh [CONFIG] [--flag value ...]
#
# After reproduce.sh, whose initial weights, initial seeds and dataset (ROOT) it uses; CONFIG is config/toy.yml if it is left
# out. Environment, all optional:
#   SEEDS      of the trainings                                   (0)
#   VARIANTS   some of: full no_attention every_cell no_seed_loss class_maps published_painting   (all)
#   MARKS      folder whose plain CAM and CAM x saliency head the table                           (runs/<name>_marks)
#   OUT        folder of all outputs                                                              (runs/<name>_sgan/ablation)
# class_maps and published_painting make other seeds with the network of full.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/chain.sh"
out=$(absolute "${OUT:-$folder/../runs/${name}_sgan/ablation}")

variant_flags() {  # the settings of a variant, its row, and the variant whose network it takes
    network_of=$1
    case $1 in
        full) settings=(--report.method "SGAN") ;;
        no_attention) settings=(--body.attention false --report.method "SGAN without attention") ;;
        every_cell) settings=(--use_sal false --report.method "SGAN, attention without saliency") ;;
        no_seed_loss) settings=(--seed_loss_ratio 0 --combine_seedseg false --report.method "SGAN without the seed branch") ;;
        class_maps) settings=(--combine_seedseg false --report.method "SGAN, class maps alone") network_of=full ;;
        published_painting) settings=(--seeds.overruled "[boat, train]" --report.method "SGAN, smaller regions last") network_of=full ;;
        *) echo "error: there is no variant $1" >&2 && exit 2 ;;
    esac
}

reports=()
for seed in ${SEEDS:-0}; do
    for variant in ${VARIANTS:-full no_attention every_cell no_seed_loss class_maps published_painting}; do
        variant_flags "$variant"
        all=(${flags[@]+"${flags[@]}"} --seed "$seed" --save_model_path "$out/${network_of}_seed$seed"
            --res_path "$out/${variant}_seed$seed" "${settings[@]}")
        bash train.sh "$config" "${all[@]}"
        for paint in "" config/dense.yml; do
            bash infer.sh "$config" "${all[@]}" ${paint:+--cfg_file "$paint"}
            bash eval.sh "$config" "${all[@]}" ${paint:+--cfg_file "$paint"}
            reports+=("$("$python" tools/paths.py report --cfg_file "$config" "${all[@]}" ${paint:+--cfg_file "$paint"})")
        done
    done
done
if [[ -d $marks/baseline ]]; then reports=("$marks/baseline" "${reports[@]}"); fi
"$python" -m common.report "${reports[@]}"
