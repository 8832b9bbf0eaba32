# For the scripts beside this file: takes an optional configuration, goes to this folder, finds the toolbox.
#
# Sets `config` (absolute; default: the paper's), `flags` (all other arguments) and `launch` (torchrun where GPUS > 1).
# Environment: PYTHON interpreter (python), GPUS processes that train, one per GPU (1).
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$folder/config/sgan_vgg16_321x321.yml
if [[ $# -gt 0 && $1 != -* ]]; then
    case $1 in /*) config=$1 ;; *) config=$PWD/$1 ;; esac
    shift
fi
flags=("$@")
python=${PYTHON:-python}
launch=("$python")
if [[ ${GPUS:-1} -gt 1 ]]; then launch+=(-m torch.distributed.run --nproc_per_node "$GPUS"); fi
# Relative paths of the configurations are seen from here, as in the published commands.
cd "$folder"
export PYTHONPATH="$folder/..${PYTHONPATH:+:$PYTHONPATH}"
