from .atomic import atomic_path
from .isolation import preserved_random_state, single_process, without_trace

__all__ = ["atomic_path", "preserved_random_state", "single_process", "without_trace"]
