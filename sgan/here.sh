# For the scripts beside this file: takes an optional configuration, goes to this folder, finds the toolbox.
#
# Sets `config` (absolute; default: $default_config, or the paper's), `flags` (all other arguments), `launch` (torchrun where
# GPUS > 1) and `absolute`, which makes a path of the environment absolute as it is seen from where the command was given.
# Environment: PYTHON interpreter (python), GPUS processes that train, one per GPU (1).
caller=$PWD
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
absolute() { case $1 in "" | /*) echo "$1" ;; *) echo "$caller/$1" ;; esac; }
config=$folder/config/${default_config:-sgan_vgg16_321x321.yml}
if [[ $# -gt 0 && $1 != -* ]]; then
    config=$(absolute "$1")
    shift
fi
flags=("$@")
python=${PYTHON:-python}
launch=("$python")
if [[ ${GPUS:-1} -gt 1 ]]; then launch+=(-m torch.distributed.run --nproc_per_node "$GPUS"); fi
# A file of weights, or the word imagenet.
weights=${WEIGHTS:-}
if [[ -e $weights ]]; then weights=$(absolute "$weights"); fi
# Relative paths of the configurations are seen from here, as in the published commands.
cd "$folder"
export PYTHONPATH="$folder/..${PYTHONPATH:+:$PYTHONPATH}"
