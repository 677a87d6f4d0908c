"""Losses of all samples of a batch from what its own loss computed: one pass, no replay.

The loss of a head is a sum of its loss modules' elements, divided by what it counts over the batch.
Elements belong to an image each; so does what is counted. Of the heads in ``one_pass_heads.py``
both are known, and the loss of an image is the sum of its own elements, divided by its own count: a
few operators for the whole batch, where a replay takes some hundred for each image, which is what
a GPU waits for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mmal.utils.record import Call, recorded

from .loss_rows import LossRows, recorded_rows
from .mm_classes import class_name

#: What MMDetection adds to ``avg_factor`` before it divides.
EPS = torch.finfo(torch.float32).eps
#: Losses that are ``loss_weight`` times the sum of their elements, divided by ``avg_factor``.
_SUMS_OF_ELEMENTS = (
    "CIoULoss",
    "CrossEntropyLoss",
    "DIoULoss",
    "FocalLoss",
    "GIoULoss",
    "IoULoss",
    "L1Loss",
    "QualityFocalLoss",
    "SmoothL1Loss",
)


class UnrecognisedError(Exception):
    """A head did not do what it is known for; a replay gives the losses all the same."""


@dataclass
class HeadCalls:
    """What a head did for a batch.

    Rows of anchors or points come level by level, within a level image by image.

    Attributes:
        head: The head.
        size: Images in the batch, N.
        losses: The calls of its loss modules, by their names.
        methods: The calls of its own methods, by their names.
    """

    head: nn.Module
    size: int
    losses: dict[str, list[LossRows]]
    methods: dict[str, list[Call]]

    def rows(self, name: str) -> list[Tensor]:
        """Loss of each row of the loss module ``name``, call by call.

        Raises:
            UnrecognisedError: If there are calls whose rows are not known.
        """
        found = [call.rows for call in self.losses[name]]
        if any(rows is None for rows in found):
            raise UnrecognisedError
        return found

    def by_image(self, levels: Sequence[Tensor]) -> Tensor:
        """Sum up the rows of each image.

        Args:
            levels: The rows of each level, of shape (…, N * L) with L rows an image.

        Returns:
            Sums of shape (…, N), float32.

        Raises:
            UnrecognisedError: If a level has not equally many rows of each image.
        """
        if not levels or any(rows.shape[-1] % self.size for rows in levels):
            raise UnrecognisedError
        rows = [rows.unflatten(-1, (self.size, -1)) for rows in levels]
        return (torch.cat(rows, dim=-1) if len(rows) > 1 else rows[0]).sum(-1, dtype=torch.float32)

    def positives_by_image(
        self, positive: Tensor, lengths: Sequence[int], values: Sequence[list[Tensor]]
    ) -> Tensor:
        """Sum up, image by image, values that exist for positive rows alone.

        Args:
            positive: Which of the R rows are positive, of shape (R,).
            lengths: How many rows each level has.
            values: V lists of tensors that, one after the other, have a value for each positive
                row; all empty if there is none.

        Returns:
            Sums of shape (V, N), float32.
        """
        return self.by_image(self.spread(positive, values).split(list(lengths), dim=-1))

    @staticmethod
    def spread(positive: Tensor, values: Sequence[list[Tensor]]) -> Tensor:
        """Put values of positive rows where these are among all rows, and 0 elsewhere.

        Args:
            positive: Which of the R rows are positive, of shape (R,).
            values: As for :meth:`positives_by_image`.

        Returns:
            Values of shape (V, R), float32.
        """
        spread = positive.new_zeros((len(values), len(positive)), dtype=torch.float32)
        if known := [torch.cat(parts) if len(parts) > 1 else parts[0] for parts in values if parts]:
            # Selecting the rows instead would make a GPU wait for their number.
            spread.masked_scatter_(positive.expand_as(spread), torch.stack(known).float())
        return spread

    def positive(self, labels: Tensor) -> Tensor:
        """Which rows have the label of a class, and not of the background."""
        return (labels >= 0) & (labels < self.head.num_classes)

    def weighted(self, name: str, sums: Tensor) -> Tensor:
        """Return the loss that module ``name`` reports of elements that it sums up."""
        factor = getattr(self.head, name).loss_weight
        return sums if factor == 1 else factor * sums

    def averaged(self, name: str, sums: Tensor, count: Tensor | float) -> Tensor:
        """Return the loss that module ``name`` reports of elements averaged over ``count``."""
        return self.weighted(name, sums / (count + EPS))

    def sampled(self) -> Tensor:
        """How many anchors were sampled for each image, as the head counts them; shape (N,).

        Raises:
            UnrecognisedError: If targets were not found image by image.
        """
        calls = self.methods["_get_targets_single"]
        return self.counts(
            [
                part.avg_factor
                for call in calls
                for part in call.result
                if hasattr(part, "avg_factor")
            ]
        )

    def counts(self, numbers: list[int]) -> Tensor:
        """Put one number an image on the head's device, as a tensor of shape (N,).

        Raises:
            UnrecognisedError: If there are not N.
        """
        if len(numbers) != self.size:
            raise UnrecognisedError
        device = next(self.head.parameters()).device
        return torch.tensor(numbers, dtype=torch.float32, device=device)


def only(calls: list) -> Any:
    """Return the one element of a list.

    Raises:
        UnrecognisedError: If there is not exactly one.
    """
    if len(calls) != 1:
        raise UnrecognisedError
    return calls[0]


@dataclass(frozen=True)
class OnePass:
    """How the losses of a head's images come from what it did for the batch.

    Attributes:
        losses: Computes them, of shape (N,).
        modules: Names of the loss modules whose elements it reads.
        methods: Names of the head's methods that it reads, and whether with their arguments.
        reduction: That of the loss modules.
    """

    losses: Callable[[HeadCalls], Tensor]
    modules: tuple[str, ...]
    methods: dict[str, bool]
    reduction: str = "mean"

    def times(self, factor: float) -> "OnePass":
        """The same, with the losses multiplied by a factor."""
        return replace(self, losses=lambda calls: factor * self.losses(calls))

    def suits(self, head: nn.Module) -> bool:
        """Whether the loss modules of ``head`` are known to be sums of elements."""
        modules = [getattr(head, name) for name in self.modules]
        return all(
            class_name(module) in _SUMS_OF_ELEMENTS and module.reduction == self.reduction
            for module in modules
        )

    @contextmanager
    def record(self, head: nn.Module, size: int) -> Iterator[HeadCalls]:
        """Record what ``head`` does for a batch of ``size`` images inside the ``with`` block."""
        with ExitStack() as stack:
            losses = {
                name: stack.enter_context(recorded_rows(getattr(head, name)))
                for name in self.modules
            }
            methods = {
                name: stack.enter_context(recorded(head, name, with_arguments))
                for name, with_arguments in self.methods.items()
            }
            yield HeadCalls(head, size, losses, methods)
