#!/usr/bin/env bash
# What SGAN starts from: bash sgan/stage0.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
#
# Fine-tunes a classifier on tags, computes its CAMs, makes initial weights and initial seeds. Flags go to the last two. Environment:
#   STAGE0      configuration of the classifier (sgan/config/stage0_voc12.yaml)
#   WEIGHTS     its initial weights (the configuration's): a file, or imagenet
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"

classifier=$(absolute "${STAGE0:-$folder/config/stage0_voc12.yaml}")
classifier_flags=(--data.root "$("$python" tools/paths.py dataset --cfg_file "$config" ${flags[@]+"${flags[@]}"})")
if [[ -n $weights ]]; then classifier_flags+=(--backbone.weights "$weights"); fi
for stage in train cam; do
    # Its output folder is seen from the repository, as in all configurations of the baseline.
    (cd .. && "${launch[@]}" -m common.baseline "$stage" -c "$classifier" "${classifier_flags[@]}")
done
"$python" tools/stage0/make_init.py --cfg_file "$config" ${flags[@]+"${flags[@]}"}
"$python" tools/stage0/make_seeds.py --cfg_file "$config" ${flags[@]+"${flags[@]}"}
