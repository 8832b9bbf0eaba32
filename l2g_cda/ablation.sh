#!/usr/bin/env bash
# One table of what each ingredient adds to the pseudo labels: L2G, + suppression, + SE, + CDA, and variants that repair.
#
#   bash l2g_cda/ablation.sh [CONFIG] [--flag value ...]
#
# After reproduce.sh, whose marks, bank and environment (ROOT, WEIGHTS, OUT) it uses. SEEDS="0 1 2" sets the seeds, VARIANTS
# some of: l2g suppression se cda repaired_learning repaired_pasting.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/configs/toy.yaml
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    shift
fi
name=$(basename "$config" .yaml)
cd "$here/.."
python=${PYTHON:-python}
out=${OUT:-runs}
runs=$out/l2g_cda/ablation_$name
weights=${WEIGHTS:-$out/${name}_marks/baseline/checkpoints/checkpoint_350.pth}

variant_flags() {  # the settings of a variant, and its row
    local plain=(--pasting.epochs 0)
    case $1 in
        l2g) flags=("${plain[@]}" --body.attention none --body.suppression none --method "L2G") ;;
        suppression) flags=("${plain[@]}" --body.attention none --method "L2G + suppression") ;;
        se) flags=("${plain[@]}" --method "L2G + suppression + SE") ;;
        cda) flags=(--method "L2G + suppression + SE + CDA") ;;
        repaired_learning) flags=(--solver.train_added true --method "all, suppression and SE learn") ;;
        repaired_pasting) flags=(--cda.labels repaired --cda.channels repaired --method "all, CDA repaired") ;;
        *) echo "error: there is no variant $1" >&2 && exit 2 ;;
    esac
}

for variant in ${VARIANTS:-l2g suppression se cda repaired_learning repaired_pasting}; do
    for seed in ${SEEDS:-0}; do
        experiment=${variant}_seed$seed
        variant_flags "$variant"
        for stage in train cam label score; do
            "$python" l2g_cda/main.py "$stage" -c "$config" --runs "$runs" --experiment_name "$experiment" --seed "$seed" \
                --data.root "${ROOT:-data/$name}" --body.weights "$weights" --cda.bank "$out/l2g_cda/${name}_bank" \
                --labels.folder "$runs/$experiment/labels" "${flags[@]}" "$@"
        done
    done
done
"$python" -m common.report "$out/${name}_marks/baseline" "$runs"/*_seed*
