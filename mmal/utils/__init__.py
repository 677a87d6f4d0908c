from .atomic import atomic_path
from .config import registered_class, type_name
from .isolation import preserved_random_state, single_process, without_trace

__all__ = [
    "atomic_path",
    "preserved_random_state",
    "registered_class",
    "single_process",
    "type_name",
    "without_trace",
]
