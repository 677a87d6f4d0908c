#!/usr/bin/env bash
# Run the active learning rounds on several GPUs: dist_run_rounds.sh CONFIG GPUS [options of run_rounds.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "CONFIG GPUS" "$@"
launch_dist run_rounds.py "$2" "$1" "${@:3}"
