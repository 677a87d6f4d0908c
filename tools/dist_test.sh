#!/usr/bin/env bash
# Test on several GPUs: dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "CONFIG CHECKPOINT GPUS" "$@"
launch_dist test.py "$3" "$1" "$2" "${@:4}"
