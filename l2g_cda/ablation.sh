#!/usr/bin/env bash
# One table of what each ingredient adds to the pseudo labels: L2G, + suppression, + SE, + CDA, and variants that repair.
#
#   bash l2g_cda/ablation.sh [CONFIG] [--flag value ...]
#
# After reproduce.sh, whose marks, bank and environment (ROOT, WEIGHTS, OUT) it uses. SEEDS="0 1 2" sets the seeds, VARIANTS
# some of: l2g suppression se cda repaired_labels repaired_channels repaired_pasting repaired_learning probabilities
# repaired_all published_axes (the last not by default: it changes nothing on square images). Variants with the same first
# training share it: cda and the repairs of pasting continue that of se.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/configs/toy.yaml
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    shift
fi
name=$(basename "$config" .yaml)
cd "$here/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-python}
out=${OUT:-runs}
runs=$out/l2g_cda/ablation_$name
weights=${WEIGHTS:-$out/${name}_marks/baseline/checkpoints/checkpoint_350.pth}

variant_flags() {  # the settings of a variant, its row, and the variant whose first training it continues
    local full="L2G + suppression + SE + CDA" no_pasting=(--pasting.epochs 0)
    base_of=$1
    case $1 in
        l2g) flags=("${no_pasting[@]}" --body.attention none --body.suppression none --method "L2G") ;;
        suppression) flags=("${no_pasting[@]}" --body.attention none --method "L2G + suppression") ;;
        se) flags=("${no_pasting[@]}" --method "L2G + suppression + SE") ;;
        cda) flags=(--cda.labels published --cda.channels published --method "$full") base_of=se ;;
        repaired_labels) flags=(--cda.labels repaired --cda.channels published --method "$full, tags repaired") base_of=se ;;
        repaired_channels) flags=(--cda.labels published --cda.channels repaired --method "$full, colours repaired") base_of=se ;;
        repaired_pasting) flags=(--cda.labels repaired --cda.channels repaired --method "$full, both repaired") base_of=se ;;
        published_axes) flags=("${no_pasting[@]}" --views.crop_axes published --method "L2G + suppression + SE, axes exchanged") ;;
        repaired_learning) flags=("${no_pasting[@]}" --solver.train_added true --method "L2G + suppression + SE that learn") ;;
        probabilities) flags=("${no_pasting[@]}" --maps.values probabilities
            --method "L2G + suppression + SE, maps of probabilities") base_of=se ;;
        repaired_all) flags=(--cda.labels repaired --cda.channels repaired --solver.train_added true --maps.values probabilities
            --method "$full, all repaired, maps of probabilities") base_of=repaired_learning ;;
        *) echo "error: there is no variant $1" >&2 && exit 2 ;;
    esac
}

share_base() {  # share_base FROM TO: give experiment TO the finished first training of FROM
    if [[ $1 == "$2" || -d $runs/$2/base || ! -d $runs/$1/base ]]; then return; fi
    mkdir -p "$runs/$2"
    rm -rf "$runs/$2/base.part"
    cp -R "$runs/$1/base" "$runs/$2/base.part"
    mv "$runs/$2/base.part" "$runs/$2/base"
}

variants="l2g suppression se cda repaired_labels repaired_channels repaired_pasting repaired_learning probabilities repaired_all"
for seed in ${SEEDS:-0}; do
    for variant in ${VARIANTS:-$variants}; do
        experiment=${variant}_seed$seed
        variant_flags "$variant"
        share_base "${base_of}_seed$seed" "$experiment"
        "$python" l2g_cda/main.py train cam label score -c "$config" --runs "$runs" --experiment_name "$experiment" \
            --seed "$seed" --data.root "${ROOT:-data/$name}" --body.weights "$weights" \
            --cda.bank "$out/l2g_cda/${name}_bank" --labels.folder "$runs/$experiment/labels" "${flags[@]}" "$@"
    done
done
folders=()
for variant in $variants published_axes; do
    for folder in "$runs/$variant"_seed*; do
        if [[ -f $folder/results.json ]]; then folders+=("$folder"); fi
    done
done
"$python" -m common.report "$out/${name}_marks/baseline" ${folders[@]+"${folders[@]}"}
