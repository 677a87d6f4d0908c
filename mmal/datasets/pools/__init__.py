from .long_tailed import LongTailed
from .off_topic import OffTopic
from .pool_shaper import PoolShaper, is_shaped, peel
from .redundant import Redundant

__all__ = ["LongTailed", "OffTopic", "PoolShaper", "Redundant", "is_shaped", "peel"]
