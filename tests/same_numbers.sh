#!/usr/bin/env bash
# Whether this checkout, as it is, gives the numbers of a git revision: bash tests/same_numbers.sh REV [OUT]. Both make the toy
# results of every method in worktrees inside OUT (runs/same_numbers), half an hour in all; a stopped call continues.
set -euo pipefail
out=$(mkdir -p "${2:-runs/same_numbers}" && cd "${2:-runs/same_numbers}" && pwd) folders=() && cd "$(dirname "${BASH_SOURCE[0]}")/.."
now=$(export GIT_INDEX_FILE=$out/index && git add -A && git -c user.name=now -c user.email=now commit-tree -p HEAD -m now "$(git write-tree)")
for commit in "$1" "$now"; do
    folders+=("$out/$(git rev-parse --short "$commit^{tree}")/runs") && folder=$(dirname "${folders[@]: -1}")
    [[ -d $folder ]] || git worktree add --quiet --detach "$folder" "$commit"
    (cd "$folder" && for script in */reproduce.sh; do OMP_NUM_THREADS=1 PYTHONPATH=$folder bash "$script"; done)
done
python tests/same_numbers.py "${folders[@]}"
