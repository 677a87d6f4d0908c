"""How much there is to do in rounds, and how long that takes at given rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .rates import Rates
from .settings import RoundSettings

#: The steps of a round, in their order.
STEPS = ("train", "evaluate", "score", "query")


@dataclass(frozen=True)
class Workload:
    """How much there is of everything.

    Attributes:
        settings: Says what is picked in which round, and how.
        initial: Samples that are labelled in round 0.
        pool: Samples of the pool.
        test: Test images.
        epochs: Of a training; None if it counts iterations.
        iterations: Of a training that counts them.
        batch_size: Samples a step, of one process.
        drop_last: Whether a batch that is not full is left out.
        repeats: Training samples for each that is labelled; below 1 where some are left out.
        scored: Samples that are scored for each of the pool: those of an image in a pool of images.
        processes: Among how many all of it is shared.
    """

    settings: RoundSettings
    initial: int
    pool: int
    test: int
    epochs: int | None
    iterations: int | None
    batch_size: int
    drop_last: bool = False
    repeats: float = 1.0
    scored: float = 1.0
    processes: int = 1

    def labeled(self, index: int) -> int:
        """Samples that are labelled in a round."""
        return self.initial + index * self.settings.budget

    def steps(self, labeled: int) -> int:
        """Iterations of a training."""
        if self.epochs is None:
            return self.iterations
        share = math.ceil(round(labeled * self.repeats) / self.processes)
        whole = math.floor if self.drop_last else math.ceil
        return self.epochs * whole(share / self.batch_size)

    def candidates(self, index: int) -> int:
        """Unlabelled samples that a round looks at; none in the last."""
        if index + 1 >= self.settings.rounds:
            return 0
        left = self.pool - self.labeled(index)
        return min(left, self.settings.subset or left)

    def read(self, index: int) -> int:
        """Samples of the pool whose scores a round's query reads."""
        query = self.settings.build_query()
        if not query.requires or not (candidates := self.candidates(index)):
            return 0
        return candidates + (self.labeled(index) if query.reads_labeled else 0)

    def seconds(self, index: int, rates: Rates, steps: int) -> dict[str, float | None]:
        """Estimate how long a round takes, by its step, with so many steps of training."""
        picks = self.candidates(index) * self.settings.budget
        share = 1 / self.processes
        terms = dict(
            train=(rates.step, steps),
            evaluate=(rates.evaluated, self.test * share),
            score=(rates.scored, self.read(index) * self.scored * share),
            query=(rates.picked, picks),
        )
        return {name: None if rate is None else rate * n for name, (rate, n) in terms.items()}

    def recorded_rates(self, records: Sequence[dict]) -> Rates:
        """Return the rates of rounds that were run; of what they have no time, None.

        The seconds of a training are those of the process that ended it, so of several rounds the
        slowest counts.
        """
        found: dict[str, list[float]] = {name: [] for name in STEPS}
        for index, record in enumerate(records):
            ones = Rates(1.0, 1.0, 1.0, 1.0)
            amounts = self.seconds(index, ones, self.steps(record["labeled"]))
            for name, values in found.items():
                if name in record["seconds"] and amounts[name]:
                    values.append(record["seconds"][name] / amounts[name])
        return Rates(*(max(values, default=None) for values in found.values()))
