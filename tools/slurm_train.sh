#!/usr/bin/env bash
# Train on a Slurm cluster: slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of train.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "PARTITION JOB_NAME CONFIG WORK_DIR" "$@"
launch_slurm train.py "$1" "$2" "$3" --work-dir "$4" "${@:5}"
