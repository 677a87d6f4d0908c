from .driver import run_rounds
from .settings import RoundSettings
from .work_dir import WorkDir

__all__ = ["RoundSettings", "WorkDir", "run_rounds"]
