"""One round's model: trained, evaluated, its losses compared with the predicted ones."""

import logging
import time
from contextlib import nullcontext

from mmengine.config import Config
from mmengine.dist import barrier, is_distributed, is_main_process
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmengine.runner import load_checkpoint
from rich.console import Console
from torch import nn

from mmal.evaluation import ranking_measures
from mmal.evaluation.functional import pair_ranking_accuracy
from mmal.models import LearningLossMixin
from mmal.utils import main_works_alone, safe_loading, stop_waits
from mmal.visualization import plot_losses

from ..data_config import DataConfig
from ..doubts import doubt_about_ranking
from ..ranking import MeasuredLosses, measure_losses
from ..scoring import bare
from .described import predict_in_worst
from .round_config import evaluation_config, training_config
from .round_runner import RoundRunner
from .settings import RoundSettings
from .work_dir import WorkDir


class RoundTraining:
    """Trains and evaluates models, each on what a pool file says is labelled by then.

    Each step leaves its result in the round's folder, and is not repeated where that is there.

    Args:
        cfg: The whole config.
        work_dir: Where rounds leave their files.
        console: Gets a line a round.
        settings: Says which metric is reported first, and whether a report is wanted.
    """

    def __init__(
        self, cfg: Config, work_dir: WorkDir, console: Console, settings: RoundSettings
    ) -> None:
        self._cfg = cfg
        self._data = DataConfig(cfg)
        self._work_dir = work_dir
        self._console = console
        self._settings = settings

    @safe_loading()
    def train(self, index: int, known: dict) -> dict:
        """Train the model of round ``index``, from its last checkpoint on, if it has one.

        Args:
            index: The round.
            known: What its record says beside, such as how many samples are labelled.

        Returns:
            The record, which is on the disk then.
        """
        if is_main_process() and (mended := self._work_dir.checkpoints(index).mend()):
            self._console.print(mended, style="yellow", soft_wrap=True)
        barrier()  # all go on at the same
        start = time.perf_counter()
        # Of several processes each would have to stop in the same iteration: they stop at once.
        with nullcontext() if is_distributed() else stop_waits():
            RoundRunner.from_cfg(training_config(self._cfg, self._work_dir, index)).train()
        barrier()  # the main process may still be saving
        record = dict(round=index, **known, seconds=dict(train=time.perf_counter() - start))
        self.save(record)
        return record

    def evaluate(self, record: dict) -> nn.Module:
        """Evaluate the trained model of a round, unless its record has metrics.

        Args:
            record: Of the round; what is measured is added and saved.

        Returns:
            The model, with the weights that the training ended with.

        Raises:
            FileNotFoundError: If the checkpoint is missing.
            ValueError: If it was saved before the first step.
        """
        runner = self._trained(record["round"])
        if "metrics" in record:
            runner.call_hook("before_test")  # as before an evaluation
            return runner.model
        losses = self._measure(runner, record)
        self.save(record)
        with main_works_alone():
            if losses is not None and is_main_process():
                self._show_losses(runner, record, losses)
        return runner.model

    def save(self, record: dict) -> None:
        """Write the record of a round; no process goes on before."""
        if is_main_process():
            self._work_dir.write_record(record["round"], record)
        barrier()

    @safe_loading()
    def _trained(self, index: int) -> RoundRunner:
        checkpoint = self._work_dir.checkpoints(index).trained()
        config = evaluation_config(self._cfg, self._work_dir, index)
        runner = RoundRunner.from_cfg(config)
        loaded = load_checkpoint(
            bare(runner.model), str(checkpoint), map_location="cpu", strict=True, logger="current"
        )
        if loaded["meta"]["iter"] == 0:
            raise ValueError(
                f"The training of round {index} ended without a step: {checkpoint} is untrained. "
                "Lower train_dataloader.batch_size, set its drop_last to False, or raise the "
                "number of epochs or iterations."
            )
        # Heads such as TOOD's ask how far the training is before they assign targets.
        runner.message_hub.update_info("epoch", loaded["meta"]["epoch"])
        return runner

    def _measure(self, runner: RoundRunner, record: dict) -> MeasuredLosses | None:
        """Evaluate; return predicted and true losses of the test data set, if there are any."""
        losses = None
        start = time.perf_counter()
        metrics = {name: float(value) for name, value in runner.test().items()}
        record["metrics"] = main_metric_first(metrics, self._settings.metric)
        if isinstance(bare(runner.model), LearningLossMixin):
            dataset = DATASETS.build(self._data.labeled_dataset())
            losses = measure_losses(runner.model, dataset, **self._data.loading())
            ranking = ranking_measures(losses.pred, losses.target)
            record["ranking_accuracy"] = ranking.pop("accuracy")
            record.update(ranking)
            record["yardsticks"] = {
                name: pair_ranking_accuracy(values, losses.target)
                for name, values in losses.yardsticks.items()
            }
            accuracy = record["ranking_accuracy"]
            doubt = doubt_about_ranking(accuracy, len(losses.target), losses.dead_units)
            record["ranking_doubt"] = doubt
        record["seconds"]["evaluate"] = time.perf_counter() - start
        self._report(record)
        return losses

    def _show_losses(self, runner: RoundRunner, record: dict, losses: MeasuredLosses) -> None:
        columns = dict(img_path=losses.img_paths, pred_loss=losses.pred, target_loss=losses.target)
        self._work_dir.write_losses(record["round"], columns | losses.yardsticks)
        title = (
            f"{len(losses.target)} test samples: ranking accuracy "
            f"{record['ranking_accuracy']:.3f}, Spearman {record['spearman']:.3f}, Kendall "
            f"{record['kendall']:.3f}"
        )
        path = self._work_dir.round_dir(record["round"]) / "losses.png"
        plot_losses(losses.pred, losses.target, title, path)
        if self._settings.report:
            predict_in_worst(runner, self._data, columns, path.parent)

    def _report(self, record: dict) -> None:
        metric = "no metric (nothing was detected)"
        for name, value in list(record["metrics"].items())[:1]:
            metric = f"{name.rpartition('/')[2]} {value:.3f}"
        ranking = record.get("ranking_accuracy")
        self._console.print(
            f"round {record['round']}: {record['labeled']} labelled, {metric}"
            + (f", ranking accuracy {ranking:.3f}" if ranking is not None else "")
            + f", trained in {record['seconds']['train']:.0f} s"
        )
        if doubt := record.get("ranking_doubt"):
            self._console.print(f"  predicted losses mean little: {doubt}", style="yellow")


def main_metric_first(metrics: dict[str, float], main: str | None) -> dict[str, float]:
    """Put the metric named ``main`` first, with or without its prefix; warn if there is none."""
    found = [name for name in metrics if main in (name, name.rpartition("/")[2])]
    if main is not None and not found:
        print_log(
            f"The evaluator has no metric called {main!r} (active_learning.metric), only "
            f"{list(metrics)}.",
            logger="current",
            level=logging.WARNING,
        )
    return {name: metrics[name] for name in [*found, *(n for n in metrics if n not in found)]}
