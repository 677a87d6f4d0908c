from .begin import begin_project
from .export import MIN_SCORE, export_picks
from .importing import Delivery, commit_delivery, read_delivery
from .loop_data import LoopData
from .loop_report import REPORT_FILE, write_loop_report
from .pick import Candidates, find_candidates, pick_images
from .project import Project, ProjectError, opened
from .skip import skip_images
from .steps import Import, Pick, Skip, Sources, Train
from .train import is_outdated, train_model

__all__ = [
    "MIN_SCORE",
    "REPORT_FILE",
    "Candidates",
    "Delivery",
    "Import",
    "LoopData",
    "Pick",
    "Project",
    "ProjectError",
    "Skip",
    "Sources",
    "Train",
    "begin_project",
    "commit_delivery",
    "export_picks",
    "find_candidates",
    "is_outdated",
    "opened",
    "pick_images",
    "read_delivery",
    "skip_images",
    "train_model",
    "write_loop_report",
]
