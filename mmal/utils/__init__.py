from .atomic import StorageError, atomic_path, full_disk_errors, named_errors, remove_leftovers
from .cache_folder import cache_folder
from .checked_json import JsonError, checked, member, read_json
from .config import (
    check_hooks,
    config_from_file,
    error_of_config,
    registered_class,
    type_name,
)
from .few import few
from .first_error import first_error_only
from .isolation import (
    evaluating,
    preserved_random_state,
    random_state,
    set_random_state,
    single_process,
    without_trace,
)
from .patience import gather_on_main, main_works_alone, wait_for_all
from .progress import duration, shows_progress, tracked
from .quiet import quiet
from .safe_loading import UnsafeCheckpointError, safe_loading, unsafe_message
from .spreadsheet import spreadsheet_text
from .stop import Stopped, stop_asked, stop_on_signals, stop_waits
from .terminal import quiet_terminal

__all__ = [
    "JsonError",
    "Stopped",
    "StorageError",
    "UnsafeCheckpointError",
    "atomic_path",
    "cache_folder",
    "check_hooks",
    "checked",
    "config_from_file",
    "duration",
    "error_of_config",
    "evaluating",
    "few",
    "first_error_only",
    "full_disk_errors",
    "gather_on_main",
    "main_works_alone",
    "member",
    "named_errors",
    "preserved_random_state",
    "quiet",
    "quiet_terminal",
    "random_state",
    "read_json",
    "registered_class",
    "remove_leftovers",
    "safe_loading",
    "set_random_state",
    "shows_progress",
    "single_process",
    "spreadsheet_text",
    "stop_asked",
    "stop_on_signals",
    "stop_waits",
    "tracked",
    "type_name",
    "unsafe_message",
    "wait_for_all",
    "without_trace",
]
