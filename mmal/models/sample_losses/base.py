"""Per-sample target losses by record and replay."""

import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmal.utils import preserved_random_state, single_process, without_trace
from mmal.utils.record import Call, Nesting, recorded, replayed, with_own_containers

from .layouts import Recorded, Silenced
from .mm_classes import class_name
from .one_pass import HeadCalls, OnePass, UnrecognisedError


class Recording(NamedTuple):
    """What a batch leaves for the replay.

    Attributes:
        data_samples: The batch's N data samples as they came; losses like to change them.
        calls: The recorded methods and their calls.
        statistics: Modules whose loss depends on the batches before, each with a copy of what it
            remembers as that was before this one.
        one_pass: What :attr:`OnePass.losses` reads of each head, if it can be done in one pass.
    """

    data_samples: list
    calls: list[tuple[Recorded, list[Call]]]
    statistics: list[tuple[nn.Module, dict[str, Tensor | list]]]
    one_pass: list[tuple[OnePass, HeadCalls]]

    def restore_statistics(self) -> None:
        """Let modules go on from where they were before the batch."""
        for module, values in self.statistics:
            for name, value in values.items():
                if isinstance(value, Tensor):
                    getattr(module, name).copy_(value)
                else:
                    setattr(module, name, value.copy())


class SampleLosses(ABC):
    """How one family of target models yields the loss of every sample of a batch.

    MM heads return losses reduced over the batch. During the target's own loss on the batch the
    results of a few methods are recorded; then, without gradient, the target's loss is called once
    more for each sample with the recordings cut to that sample. The result is the loss that the
    target itself reports for a batch of this one sample: its own normalisation, not a share of the
    batch's. Where the target draws at random (anchors, RoIs), it is the loss with what was drawn
    for the sample in this batch; where a loss keeps statistics of earlier batches, it is the loss
    with these as they were before this batch.

    Of some heads it is known how to get the same in one pass over what the batch's own loss
    computed (:class:`OnePass`): no loss is called again.

    A subclass names the recorded methods and the layout of their results.
    """

    @classmethod
    @abstractmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether this strategy is exact for ``model``."""

    @abstractmethod
    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The modules that the replay runs, to be left without trace."""

    @abstractmethod
    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """The methods to record, with the layout of their results."""

    def one_pass(self, model: nn.Module) -> list[tuple[nn.Module, OnePass]]:
        """How one pass gives the samples' losses: all heads that have any, or none."""
        return []

    @contextmanager
    def record(self, model: nn.Module, data_samples: list) -> Iterator[Recording]:
        """Record the target's loss on a batch that runs inside the ``with`` block."""
        with ExitStack() as stack:
            calls, nesting = [], Nesting()
            for method in (*self.recorded_methods(model), *self._statistics(model)):
                recording = recorded(method.owner, method.method, method.with_arguments, nesting)
                calls.append((method, stack.enter_context(recording)))
            statistics = [
                (module, {name: copy.deepcopy(getattr(module, name)) for name in names})
                for head in self.heads(model)
                for module in head.modules()
                if (names := _remembered(module))
            ]
            one_pass = [
                (way, stack.enter_context(way.record(head, len(data_samples))))
                for head, way in self.one_pass(model)
            ]
            yield Recording(with_own_containers(data_samples), calls, statistics, one_pass)

    @contextmanager
    def silenced(self, model: nn.Module) -> Iterator[None]:
        """Let losses of batches move nothing beside: those that are measured, not trained on."""
        with ExitStack() as stack:
            for method in (*self.recorded_methods(model), *self._statistics(model)):
                if isinstance(method, Silenced):
                    answers = itertools.repeat(method.result)
                    stack.enter_context(replayed(method.owner, method.method, answers))
            yield

    def _statistics(self, model: nn.Module) -> Iterator[Recorded]:
        """What gathers statistics over all ranks after a loss (EQLv2): ranks would wait."""
        for head in self.heads(model):
            for module in head.modules():
                if class_name(module) == "EQLV2Loss":
                    yield Silenced(module, "collect_grad")

    @torch.no_grad()
    def losses(
        self,
        model: nn.Module,
        recording: Recording,
        loss: Callable[[Tensor, list], dict],
        inputs: Tensor,
    ) -> Tensor:
        """Return the target's loss on each sample: in one pass where possible, or by replay.

        Arguments and result are those of :meth:`replay`.
        """
        if recording.one_pass:
            with suppress(UnrecognisedError):
                return sum(way.losses(calls) for way, calls in recording.one_pass)
        return self.replay(model, recording, loss, inputs)

    @torch.no_grad()
    def replay(
        self,
        model: nn.Module,
        recording: Recording,
        loss: Callable[[Tensor, list], dict],
        inputs: Tensor,
    ) -> Tensor:
        """Return the target's loss on each sample.

        Random state, buffers, attributes of the heads and data samples are left as they were.

        Args:
            model: The target model.
            recording: What :meth:`record` yielded.
            loss: The target's own ``loss(inputs, data_samples) -> dict``.
            inputs: The batch, of shape (N, C, H, W).

        Returns:
            Losses of shape (N,), float32.
        """
        totals = []
        with ExitStack() as stack:
            stack.enter_context(single_process())
            for head in self.heads(model):
                stack.enter_context(without_trace(head))
            for i in range(len(inputs)):
                recording.restore_statistics()
                totals.append(self.sample_loss(model, recording, loss, inputs, i))
        return torch.stack(totals).float()

    def sample_loss(
        self, model: nn.Module, recording: Recording, loss: Callable, inputs: Tensor, index: int
    ) -> Tensor:
        """Return the target's loss on sample ``index``; see :meth:`replay` for the rest."""
        return model.parse_losses(self.sample_terms(recording, loss, inputs, index))[0]

    def sample_terms(
        self, recording: Recording, loss: Callable, inputs: Tensor, index: int
    ) -> dict[str, Tensor]:
        """Return what the target's loss reports for sample ``index``."""
        with ExitStack() as stack:
            # Samplers draw numbers; every sample draws the same, so that none is favoured.
            stack.enter_context(preserved_random_state())
            for method, calls in recording.calls:
                results = method.cut(calls, index, len(inputs))
                stack.enter_context(replayed(method.owner, method.method, results))
            sample = copy.deepcopy(recording.data_samples[index])
            return loss(inputs[index : index + 1], [sample])


def _remembered(module: nn.Module) -> list[str]:
    """Names of what a module's loss keeps of the batches before, as a running mean."""
    if class_name(module) == "DDODHead":  # positive anchors of each level, in a plain list
        return ["cls_num_pos_samples_per_level"]
    # GHM's have a running mean with momentum alone.
    if class_name(module) in ("SeesawLoss", "EQLV2Loss", "GHMC", "GHMR"):
        return [name for name, _ in module.named_buffers()]
    return []
