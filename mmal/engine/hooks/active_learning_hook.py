"""Learning loss inside any MM training."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import DATASETS
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner, find_latest_checkpoint
from torch import nn

from mmal.datasets.audit import AuditSettings
from mmal.evaluation import RankingAccuracy
from mmal.models import LearningLossMixin
from mmal.models.pretrained import pretrained_backbone
from mmal.queries import build_query
from mmal.registry import HOOKS
from mmal.structures import Pool

from ..acquisition import acquire
from ..clip_grad import clip_separately
from ..data_config import DataConfig
from ..preflight import (
    PreflightError,
    Problems,
    audit_data,
    audit_settings,
    check_batch_size,
    check_detach_epoch,
    check_evaluator_files,
    check_labels,
    check_pretrained,
    check_scores,
    check_steps,
    rehearse_evaluation,
    rehearse_training,
    saved_best,
    unlabeled_sets,
)
from ..ranking import measure_losses
from ..score_shards import remove_shards
from ..scoring import bare, score_pool
from ..unreadable import SKIPPED_FILE, UNREADABLE_SHARE, check_share
from .finite_loss_hook import FiniteLossHook


@HOOKS.register_module()
class ActiveLearningHook(Hook):
    """Detaches the features at an epoch, and picks images to label after training.

    1. Before training it checks the model, the batch size and that there is a step to train; with
       ``unlabeled`` also that pretrained weights can be had, all data sets (see
       :func:`mmal.datasets.audit.audit_datasets`; the unlabelled images must not be among the
       labelled or the test images), one batch of each, the evaluator, and the features.
       Gradients, where the config clips them, are clipped for target and module separately.
       A training whose loss is no number any more ends (:class:`FiniteLossHook`).
    2. From ``detach_epoch`` on the ranking loss no longer reaches the target model; the loss
       prediction module goes on learning.
    3. After training, where ``unlabeled`` is given, it scores those images with the test
       pipeline and the weights that evaluation uses (those of an EMA hook, if there is one),
       lets the query pick, and leaves ``scores.parquet``, ``picks.txt`` and ``pool.json`` in the
       work directory. ``tools/run_rounds.py`` does this step itself.
    4. Before an evaluation with :class:`mmal.RankingAccuracy` it measures the losses that this
       metric compares.

    Args:
        detach_epoch: First epoch, counted from 0, with detached features; 0 detaches from the
            start, None never. A loop that counts iterations has no other epoch than 0.
        unlabeled: Config of the data set of unlabelled images, for example
            ``dict(type='mmal.ImageFolder', data_root='data/unlabeled')``. Its annotations, if
            any, are not looked at, and its pipeline is replaced by the test pipeline.
        budget: How many images to pick. Needed with ``unlabeled``.
        query: Config of the query.
        subset: Score a random subset of this size instead of all.
        audit: Parameters of :class:`mmal.datasets.audit.AuditSettings`, for example
            ``dict(ignore_classes=('person',), max_images=1000)``.
        unreadable: The share of the candidates whose images may be unreadable: such are left out
            and listed in ``skipped.csv``; with more the hook stops.

    Raises:
        ValueError: If ``unlabeled`` comes without a budget, the budget exceeds the images,
            ``detach_epoch`` means nothing to the training loop, or something else cannot work.
        PreflightError: If several things cannot work; the message has all.
        FloatingPointError: If the training diverges.
        DatasetError: If the audit of the data finds an error.
        FileExistsError: If the work directory holds another training's picks.
        TypeError: If the model is not a LearningLoss model.
    """

    # After the other hooks, checkpoints included: picks are the last thing that happens.
    priority = "LOWEST"

    def __init__(
        self,
        detach_epoch: int | None = None,
        unlabeled: dict | None = None,
        budget: int | None = None,
        query: dict | None = None,
        subset: int | None = None,
        audit: dict | None = None,
        unreadable: float = UNREADABLE_SHARE,
    ) -> None:
        if (unlabeled is None) != (budget is None):
            raise ValueError(
                "The 'unlabeled' and 'budget' parameters of ActiveLearningHook must be given "
                f"together. Got unlabeled={unlabeled} and budget={budget} instead."
            )
        if budget is not None and not 1 <= budget <= (subset or budget):
            raise ValueError(
                "The 'budget' parameter of ActiveLearningHook must be positive and at most "
                f"'subset'. Got budget={budget} and subset={subset} instead."
            )
        self.detach_epoch = detach_epoch
        self.unlabeled = unlabeled
        self.budget = budget
        self.query = build_query(query or dict(type="mmal.LearnedLoss"))
        self.subset = subset
        check_share(unreadable, "The 'unreadable' parameter of ActiveLearningHook")
        self.unreadable = unreadable
        self.audit = AuditSettings.of(audit or {}, "audit of the ActiveLearningHook")
        self._finite_loss = FiniteLossHook()

    def before_run(self, runner: Runner) -> None:
        """Refuse weights that cannot be had, before the model tries to load them."""
        # In a test there are none to load; a resumed training loads its checkpoint, if any.
        trains = isinstance(runner._train_loop, BaseLoop)
        resumes = runner._resume and (runner._load_from or find_latest_checkpoint(runner.work_dir))
        if trains and self.unlabeled is not None and not resumes:
            problems = Problems()
            check_pretrained(runner.cfg, problems)
            problems.raise_all()

    def before_train(self, runner: Runner) -> None:
        """Refuse what cannot work, before it costs anything."""
        model = bare(runner.model)
        if not isinstance(model, LearningLossMixin):
            raise TypeError(
                f"ActiveLearningHook needs a model of type 'mmal.LearningLoss', but the config's "
                f"is a {type(model).__name__}."
            )
        others = [hook for hook in runner.hooks if isinstance(hook, ActiveLearningHook)]
        if len(others) > 1:
            raise PreflightError(
                f"custom_hooks has {len(others)} ActiveLearningHooks, with detach_epoch="
                f"{[hook.detach_epoch for hook in others]}: the last would overrule the others. "
                "Keep one."
            )
        iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
        check_detach_epoch(self.detach_epoch, None if iterations else runner.max_epochs)
        check_batch_size(model, runner.train_dataloader.batch_sampler.batch_size)
        check_steps(runner)
        clip_separately(runner.optim_wrapper, model.loss_predictor)
        if self.unlabeled is not None:
            problems = Problems()
            if runner.iter == 0:  # else it was done when the training began
                self._rehearse(runner, problems)
            problems.raise_all()
            self._open_pool(runner)
            check_scores(model, self._dataset, self.query.requires, self._pretrained(runner))

    def _rehearse(self, runner: Runner, problems: Problems) -> None:
        """Audit the data; try a batch of each set and the evaluators."""
        with problems.collect():
            audit_data(runner.cfg, audit_settings(runner.cfg), unlabeled_sets(runner.cfg))
        if problems.anywhere():
            return
        with problems.collect("model"):
            check_labels(bare(runner.model), runner.cfg)
        rehearse_training(runner, problems)
        if runner.val_loop is not None:
            with problems.collect("val_evaluator"):
                check_evaluator_files(runner.cfg, "val")
            rehearse_evaluation(runner, "val", saved_best(runner), problems)

    def before_train_epoch(self, runner: Runner) -> None:
        """Detach from ``detach_epoch`` on; a resumed training finds the right state."""
        detach = self.detach_epoch is not None and runner.epoch >= self.detach_epoch
        bare(runner.model).detach_features = detach

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Refuse to go on with a loss that is no number: picks would be made by it."""
        self._finite_loss.after_train_iter(runner, batch_idx, data_batch, outputs)

    def after_train(self, runner: Runner) -> None:
        """Score, query, commit."""
        if self.unlabeled is None:
            return
        scoring = Path(runner.work_dir, "scoring")
        if self._pool.rounds:
            if is_main_process():
                remove_shards(scoring)
            runner.logger.info(f"The picks of this training are in {runner.work_dir}/picks.txt.")
            return
        data = DataConfig(runner.cfg)
        pretrained = self._pretrained(runner)
        with evaluated_weights(runner):
            picks, doubt, skipped = acquire(
                self._pool,
                Path(runner.work_dir, "pool.json"),
                runner.work_dir,
                self._dataset,
                self.query,
                self.budget,
                self.subset,
                lambda ids: score_pool(
                    runner.model,
                    self._dataset,
                    ids=ids,
                    group_score=data.group_score,
                    names=self.query.requires,
                    pretrained=pretrained,
                    unreadable=self.unreadable,
                    folder=scoring,
                    settings=data.scored_by,
                    **data.loading(),
                ),
                unreadable=self.unreadable,
            )
        if is_main_process():
            remove_shards(scoring)
        if skipped:
            runner.logger.warning(
                f"{len(skipped)} images could not be read and were left out: "
                f"{runner.work_dir}/{SKIPPED_FILE}"
            )
        runner.logger.info(f"Picked {len(picks)} images: {runner.work_dir}/picks.txt")
        if doubt:
            runner.logger.warning(f"These picks may be worthless: {doubt}.")

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Say how far the training was: heads such as TOOD's ask before they assign targets."""
        epoch = checkpoint.get("meta", {}).get("epoch")
        if epoch is not None and runner.message_hub.get_info("epoch") is None:
            runner.message_hub.update_info("epoch", epoch)

    def before_val_epoch(self, runner: Runner) -> None:
        """Measure what a ranking metric in ``val_evaluator`` compares."""
        self._measure(runner, runner.val_loop, "val")

    def before_test_epoch(self, runner: Runner) -> None:
        """Measure what a ranking metric in ``test_evaluator`` compares."""
        self._measure(runner, runner.test_loop, "test")

    def _measure(self, runner: Runner, loop: BaseLoop, stage: str) -> None:
        # Loops of other kinds may have no single evaluator.
        metrics = getattr(getattr(loop, "evaluator", None), "metrics", [])
        if not (ranking := [m for m in metrics if isinstance(m, RankingAccuracy)]):
            return
        model = bare(runner.model)
        if not isinstance(model, LearningLossMixin):
            raise TypeError(
                "RankingAccuracy needs a model of type 'mmal.LearningLoss', but the config's is a "
                f"{type(model).__name__}."
            )
        data = DataConfig(runner.cfg)
        dataset = DATASETS.build(data.labeled_dataset(stage))
        losses = measure_losses(model, dataset, **data.loading(stage))
        for metric in ranking:
            metric.losses, metric.yardsticks = (losses.pred, losses.target), losses.yardsticks

    def _pretrained(self, runner: Runner) -> nn.Module | None:
        """The backbone that the training began with, if the query reads its features."""
        cfg = runner.cfg
        if runner._resume and cfg.get("load_from"):  # where it goes on, not what it began with
            cfg = copy.deepcopy(cfg)
            cfg.load_from = None
        return pretrained_backbone(cfg, self.query.requires)

    def _open_pool(self, runner: Runner) -> None:
        """Build the unlabelled data set; its pool holds no pick yet, or those of this training."""
        self._dataset = DataConfig(runner.cfg).unlabeled_split(source=self.unlabeled)
        ids = self._dataset.pool.ids
        if self.budget > len(ids):
            raise PreflightError(
                f"The budget of ActiveLearningHook is {self.budget}, but the unlabelled data set "
                f"has {len(ids)} images."
            )
        path = Path(runner.work_dir, "pool.json")
        if not path.exists():
            self._pool = Pool(ids, seed=runner.seed)
        elif runner._resume:
            self._pool = Pool.load(path, ids)
        else:
            raise FileExistsError(
                f"{path} holds the picks of an earlier training. Train in another work_dir, or "
                "resume that training."
            )


@contextmanager
def evaluated_weights(runner: Runner) -> Iterator[None]:
    """Give the model the weights that its evaluation uses: those of EMA hooks, if there are."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    for hook in hooks:
        hook.before_test_epoch(runner)
    try:
        yield
    finally:
        for hook in hooks:
            hook.after_test_epoch(runner)
