#!/usr/bin/env bash
# Train on several GPUs: dist_train.sh CONFIG GPUS [options of train.py]
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

require "CONFIG GPUS" "$@"
launch_dist train.py "$2" "$1" "${@:3}"
