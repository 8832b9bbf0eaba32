# For the scripts that run several stages from data to a table: here.sh with --help, the toy set as default, and the dataset.
#
# Sets also `name` (of the configuration) and `marks` (the folder of common.chain). Environment: ROOT the dataset, MARKS.
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
    exit 0
fi
default_config=toy.yml
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"
name=$(basename "$config" .yml)
if [[ -n ${ROOT:-} ]]; then flags=(--dataset_root "$(absolute "$ROOT")" ${flags[@]+"${flags[@]}"}); fi
marks=$(absolute "${MARKS:-$folder/../runs/${name}_marks}")
