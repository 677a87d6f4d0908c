"""mmengine's training loops, which go on exactly where a checkpoint in their middle was saved."""

from collections.abc import Iterator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmal.datasets import seed_batches
from mmal.registry import LOOPS
from mmal.utils import set_random_state

from ..hooks.epoch_seed_hook import seed_epoch


@LOOPS.register_module()
class RoundEpochLoop(EpochBasedTrainLoop):
    """An EpochBasedTrainLoop that can be resumed in the middle of an epoch.

    mmengine's repeats the epoch from its first batch on, with the weights of its middle. This one
    loads the batches that were trained on once more, so that transforms and workers are where they
    were, and leaves them out.

    Attributes:
        batches_done: How many batches of the current epoch were trained on.
        resumed: What :class:`mmal.engine.hooks.ExactResumeHook` left in a checkpoint.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seed_batches(self.dataloader)
        self.batches_done = 0
        self.resumed: dict | None = None

    def run_epoch(self) -> None:
        """Iterate one epoch, or what is left of it."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        batches, self.batches_done = iter(self.dataloader), 0
        resumed, self.resumed = self.resumed, None
        if resumed is not None and resumed["epoch"] == self.epoch:
            self.batches_done = resumed["batches"]
            for _ in range(self.batches_done):
                next(batches)
            set_random_state(resumed["random"])
        for index, batch in enumerate(batches, self.batches_done):
            self.run_iter(index, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Iterate one batch; it counts as done before hooks save."""
        self.batches_done = idx + 1
        super().run_iter(idx, data_batch)


@LOOPS.register_module()
class RoundIterLoop(IterBasedTrainLoop):
    """An IterBasedTrainLoop that can be resumed exactly.

    As in the loop of epochs, what was trained on is loaded once more and left out. Each pass over
    the data is seeded like an epoch.

    Attributes:
        batches_done: How many batches were trained on.
        resumed: What :class:`mmal.engine.hooks.ExactResumeHook` left in a checkpoint.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seed_batches(self.dataloader)
        self.batches_done = 0
        self.resumed: dict | None = None
        self.dataloader_iterator = _Passes(self)

    def run_iter(self, data_batch: Any) -> None:
        """Iterate one batch; it counts as done before hooks save."""
        self.batches_done = self.iter + 1
        super().run_iter(data_batch)


class _Passes:
    """Batches without end, pass after pass over the data."""

    def __init__(self, loop: RoundIterLoop) -> None:
        self._loop = loop
        self._pass = 0
        self._served = 0
        self._batches: Iterator | None = None

    def __next__(self) -> Any:
        if self._batches is None:  # hooks seed first
            self._batches = iter(self._loop.dataloader)
        resumed = self._loop.resumed
        if resumed is not None and self._served == resumed["batches"]:
            set_random_state(resumed["random"])
            self._loop.resumed = None
        self._served += 1
        try:
            return next(self._batches)
        except StopIteration:
            self._begin_again()
            return next(self._batches)

    def skip_iter(self, count: int) -> None:
        """Leave out what was trained on; asked for by newer mmengines."""
        for _ in range(count):
            next(self)

    def _begin_again(self) -> None:
        self._pass += 1
        loader = self._loop.dataloader
        seed_epoch(self._loop.runner.seed, self._pass)
        if hasattr(loader.batch_sampler.sampler, "set_epoch"):
            loader.batch_sampler.sampler.set_epoch(self._pass)
        self._batches = iter(loader)
