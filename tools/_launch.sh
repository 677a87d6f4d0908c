# shellcheck shell=bash
# Sourced by the dist_*.sh and slurm_*.sh scripts: two ways to start a Python tool in many processes.
#
# dist:  one process a GPU, on this machine or on several:
#        NNODES (1)  NODE_RANK (0)  MASTER_ADDR (127.0.0.1)  PORT (29500)
# slurm: one task a GPU, placed by srun:
#        GPUS (8)  GPUS_PER_NODE (GPUS, at most 8)  CPUS_PER_TASK (5)  SRUN_ARGS (more options for srun)
# both:  PYTHON (python), the interpreter
set -euo pipefail

tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${PYTHON:-python}"
PYTHONPATH="$(dirname "$tools")${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH

# require "NAME NAME ..." "$@": stop with a usage message unless every name has its argument.
require() {
    local names
    read -ra names <<<"$1"
    shift
    if (($# < ${#names[@]})); then
        echo "usage: $(basename "$0") ${names[*]} [options of the Python tool]" >&2
        echo "The environment variables it reads are listed in $tools/_launch.sh" >&2
        exit 2
    fi
}

# launch_dist TOOL GPUS ARGUMENTS...
launch_dist() {
    local tool="$1" gpus="$2"
    shift 2
    exec "$python" "$tools/_torchrun.py" \
        --nnodes="${NNODES:-1}" \
        --node-rank="${NODE_RANK:-0}" \
        --master-addr="${MASTER_ADDR:-127.0.0.1}" \
        --master-port="${PORT:-29500}" \
        --nproc-per-node="$gpus" \
        "$tools/$tool" "$@" --launcher pytorch
}

# launch_slurm TOOL PARTITION JOB_NAME ARGUMENTS...
launch_slurm() {
    local tool="$1" partition="$2" job_name="$3" gpus="${GPUS:-8}" extra
    shift 3
    local per_node="${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}"
    read -ra extra <<<"${SRUN_ARGS:-}"
    # An empty array counts as unset in bash before 4.4, which clusters still have.
    exec srun \
        --partition="$partition" \
        --job-name="$job_name" \
        --gres="gpu:$per_node" \
        --ntasks="$gpus" \
        --ntasks-per-node="$per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" \
        --kill-on-bad-exit=1 \
        ${extra[@]+"${extra[@]}"} \
        "$python" -u "$tools/$tool" "$@" --launcher slurm
}
