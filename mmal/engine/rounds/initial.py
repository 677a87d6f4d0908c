"""The labels that a run begins with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import set_random_seed

from mmal.datasets import PoolDataset
from mmal.models import build_model
from mmal.models.features import read_of_trained
from mmal.models.pretrained import pretrained_backbone
from mmal.queries import Query, build_query
from mmal.structures import Pool, PoolScores
from mmal.utils import few

from ..acquisition import by_main, draw_initial
from ..data_config import DataConfig
from ..scoring import score_pool
from ..unreadable import PoolImages, first_readable


@dataclass(frozen=True)
class InitialSet:
    """``active_learning.initial``: a number, a query on untrained features, or a list.

    Attributes:
        size: How many samples; of a list, as many as it names.
        query: Config of a query that reads features of images; None to draw at random.
        file: A text file with the id or the image file of a sample a line, as ``initial.txt`` of
            another run has them.
        names: What the file says.
    """

    size: int
    query: dict | None = None
    file: str | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: int | Mapping) -> "InitialSet":
        """Read the setting.

        Raises:
            ValueError: If it is neither, or means nothing.
            FileNotFoundError: If there is no such file.
        """
        where = "active_learning.initial"
        if isinstance(given, Mapping):
            if set(given) not in ({"size", "query"}, {"file"}):
                raise ValueError(
                    f"{where} must be a number, dict(size=…, query=…) or dict(file=…). Got the "
                    f"keys {sorted(given)} instead."
                )
            if "file" in given:
                names = _read(given["file"])
                if len(names) < 2:
                    raise ValueError(
                        f"{where}.file, {given['file']}, must name at least 2 samples: the ranking "
                        f"loss compares pairs. It names {len(names)}."
                    )
                made = cls(len(names), file=str(given["file"]), names=names)
            else:
                made = cls(given["size"], query=given["query"])
        else:
            made = cls(given)
        if not (type(made.size) is int and made.size >= 1):
            raise ValueError(
                f"{where} must be a positive integer. Got {made.size!r} instead. (In a config file "
                "it may also be dict(size=…, query=…) or dict(file=…).)"
            )
        if made.size < 2:
            raise ValueError(
                f"{where} must be at least 2: the ranking loss compares pairs. Got {made.size} "
                "instead."
            )
        made.build_query()
        return made

    def build_query(self) -> Query | None:
        """Build the query, if there is one.

        Raises:
            ValueError: If it reads what only a trained model gives.
        """
        if self.query is None:
            return None
        query = build_query(self.query)
        if trained := read_of_trained(query.requires):
            raise ValueError(
                f"active_learning.initial.query is {query.description}, which reads "
                f"{few(trained)} of a trained model, but nothing is trained yet. Use Herding "
                "or CoreSet with features of whole images: of the source 'target', 'backbone' or "
                "'pretrained'."
            )
        return query

    def choose(self, cfg: Config, pool: Pool, folder: str | os.PathLike | None = None) -> list[str]:
        """Choose the samples of a pool without rounds; under several processes the same in all.

        Images that cannot be read are left out, but for those of a list.

        Args:
            cfg: The whole config.
            pool: The pool; its seed decides what is drawn at random.
            folder: Where scores are kept meanwhile; see :func:`mmal.engine.score_pool`.

        Returns:
            Ids, best first.

        Raises:
            ValueError: If a name of the list is no sample of the pool.
            UnreadableImagesError: If too many images cannot be read.
        """
        query = self.build_query()
        data = DataConfig(cfg)
        dataset = data.unlabeled_split()
        if query is None and self.file is None:
            images = PoolImages(dataset)
            return by_main(lambda: draw_initial(pool, self.size, images, data.unreadable))
        if query is None:
            return self.listed(pool, dataset)
        if not query.requires:
            return self._unscored(query, pool, PoolImages(dataset), data.unreadable)
        set_random_seed(pool.seed)
        model = build_model(cfg)
        model.init_weights()
        model = model.to(get_device())
        scores = score_pool(
            model,
            dataset,
            group_score=data.group_score,
            names=query.requires,
            pretrained=pretrained_backbone(cfg, query.requires),
            unreadable=data.unreadable,
            folder=folder,
            settings=data.scored_by,
            **data.loading(),
        )
        rng = np.random.default_rng([pool.seed, 0])
        return by_main(lambda: query.select(scores, self.size, rng))

    def _unscored(
        self, query: Query, pool: Pool, images: PoolImages, unreadable: float
    ) -> list[str]:
        """Choose by a query that reads no score; what it picks alone is opened."""
        scores = PoolScores(pool.ids, [images.paths[name] for name in pool.ids])

        def first(count: int) -> list[str]:
            return query.select(scores, count, np.random.default_rng([pool.seed, 0]))

        def choose() -> list[str]:
            return first_readable(first, self.size, len(scores), images.unreadable, unreadable)[0]

        return by_main(choose)

    def listed(self, pool: Pool, dataset: PoolDataset) -> list[str]:
        """Return the samples that the file names.

        Args:
            pool: The pool.
            dataset: All of its samples.

        Raises:
            ValueError: If a name is no sample of the pool.
        """
        known = set(pool.ids)
        by_path: dict[str, list[str]] = {}
        for name, path in PoolImages(dataset).paths.items():
            by_path.setdefault(os.path.realpath(path), []).append(name)
        picks: list[str] = []
        unknown: list[str] = []
        for name in self.names:
            found = [name] if name in known else by_path.get(os.path.realpath(name), [])
            picks += found
            unknown += [name] * (not found)
        if unknown:
            raise ValueError(
                f"active_learning.initial.file, {self.file}: the pool has no sample with this id "
                f"or image file: {few(unknown)}. Ids look like {pool.ids[0]!r}."
            )
        return list(dict.fromkeys(picks))


def _read(path: str) -> tuple[str, ...]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"active_learning.initial.file: {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"active_learning.initial.file: {path} cannot be read: {error}") from error
    return tuple(dict.fromkeys(line for line in lines if line.strip()))
