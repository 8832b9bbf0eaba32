#!/usr/bin/env bash
# Score the seeds of a configuration: bash sgan/eval.sh [CONFIG] [--flag value ...]     (default: the paper's configuration)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/here.sh"
# Here --res_path is the folder of all seeds, as for the other scripts; eval_mIoU.py takes the folder to score by that name.
seeds=$("$python" tools/paths.py seeds --cfg_file "$config" ${flags[@]+"${flags[@]}"})
"$python" tools/eval_mIoU.py --cfg_file "$config" ${flags[@]+"${flags[@]}"} --res_path "$seeds"
