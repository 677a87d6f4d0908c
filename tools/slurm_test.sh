#!/usr/bin/env bash
# Test on a Slurm cluster: slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "PARTITION JOB_NAME CONFIG CHECKPOINT" "$@"
launch_slurm test.py "$1" "$2" "$3" "$4" "${@:5}"
