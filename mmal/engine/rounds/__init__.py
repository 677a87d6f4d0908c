from .driver import prepare_rounds, run_rounds
from .plan import Plan, PlannedRound
from .preflight import check_queries
from .settings import RoundSettings
from .train_loops import RoundEpochLoop, RoundIterLoop
from .work_dir import WorkDir

__all__ = [
    "Plan",
    "PlannedRound",
    "RoundEpochLoop",
    "RoundIterLoop",
    "RoundSettings",
    "WorkDir",
    "check_queries",
    "prepare_rounds",
    "run_rounds",
]
