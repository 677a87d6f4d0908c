#!/usr/bin/env bash
# Run the active learning rounds on a Slurm cluster: slurm_run_rounds.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of run_rounds.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "PARTITION JOB_NAME CONFIG WORK_DIR" "$@"
launch_slurm run_rounds.py "$1" "$2" "$3" --work-dir "$4" "${@:5}"
