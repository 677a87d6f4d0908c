"""A progress bar for training."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mmal.registry import HOOKS
from mmal.utils import shows_progress


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows epoch, loss and remaining time in one line of the terminal, if there is one.

    Args:
        description: What is being trained, at the left of the bar.
    """

    priority = "LOW"

    def __init__(self, description: str = "training") -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}")
        self._progress = Progress(
            *columns, TimeRemainingColumn(), transient=True, disable=not shows_progress()
        )
        self._description = description

    def before_train(self, runner: Runner) -> None:
        """Show the bar."""
        self._task = self._progress.add_task(
            self._description, total=runner.max_iters, completed=runner.iter, state=""
        )
        self._progress.start()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Advance the bar."""
        loss = runner.message_hub.get_scalar("train/loss").current()
        state = f"epoch {runner.epoch + 1}/{runner.max_epochs}  loss {loss:.3g}"
        self._progress.update(self._task, completed=runner.iter + 1, state=state)

    def after_train(self, runner: Runner) -> None:
        """Remove the bar."""
        self._progress.stop()
