"""What a config says about cached features."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from mmengine.config import Config

from mmal.datasets.feature_store import CachedFeaturesError
from mmal.models.pretrained import has_weights
from mmal.tasks import task_of_pipeline
from mmal.utils import type_name

from ..data_config import (
    OUTER_WRAPPERS,
    DataConfig,
    leaf_datasets,
    preprocessor_config,
    target_config,
)

#: Names of transforms that make one image of several.
_MIXES = re.compile("mosaic|mixup|cutmix|resizemix|copypaste", re.IGNORECASE)


@dataclass(frozen=True)
class CachedFeatures:
    """``active_learning.cached_features``: the backbone is frozen, its features computed once.

    Attributes:
        views: How many views of a training image are made by the training pipeline, drawn at
            random once; 1 for a pipeline without chance.
        average: Whether to keep the average of each level over its positions alone, (C, 1, 1),
            which is all that a classifier with global average pooling reads.
        folder: Where the files go; by default ``features`` in the cache folder (``$MMAL_CACHE``).

    Raises:
        ValueError: If one of these is something else.
    """

    views: int = 4
    average: bool = False
    folder: str | None = None

    def __post_init__(self) -> None:
        where = "active_learning.cached_features"
        if not (type(self.views) is int and self.views >= 1):
            raise ValueError(f"{where}.views must be a positive integer. Got {self.views!r}.")
        if not isinstance(self.average, bool):
            raise ValueError(f"{where}.average must be True or False. Got {self.average!r}.")
        if not (self.folder is None or isinstance(self.folder, str)):
            raise ValueError(f"{where}.folder must be the path of a folder. Got {self.folder!r}.")

    @classmethod
    def of(cls, given: Mapping | None) -> "CachedFeatures | None":
        """Read the setting; None if features are not cached.

        Raises:
            ValueError: If it has other keys, or values that cannot be.
        """
        if given is None:
            return None
        known = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping) or not set(given) <= set(known):
            raise ValueError(
                f"active_learning.cached_features must be None or a dict with keys of {known}. "
                f"Got {given!r} instead."
            )
        return cls(**given)

    @property
    def what_is_trained(self) -> dict:
        """What decides the models that rounds train: all but where the files are."""
        return dict(views=self.views, average=self.average)

    def check(self, cfg: Config) -> None:
        """Refuse configs whose training does not begin at the features of a backbone.

        Raises:
            CachedFeaturesError: If one does not; the message says all reasons.
        """
        if reasons := [*self._of_the_model(cfg), *self._of_the_data(cfg)]:
            raise CachedFeaturesError(" ".join(reasons))

    def _of_the_model(self, cfg: Config) -> Iterator[str]:
        target = target_config(cfg)
        if "backbone" not in target:
            yield f"the model {target.get('type')} has no backbone."
            return
        given = [cfg.get("load_from"), target.get("pretrained"), target.backbone.get("pretrained")]
        inits = [target.get("init_cfg"), target.backbone.get("init_cfg")]
        if not any(given) and not any(map(has_weights, inits)):
            yield (
                "the backbone has no pretrained weights, and would never be trained. Set "
                "load_from, or init_cfg of the backbone."
            )
        inside = [n for n in cfg.model.get("feat_modules") or () if n.startswith("backbone")]
        if inside:
            yield (
                f"model.feat_modules names {inside}, which are not computed. Remove it: the module "
                "then reads what extract_feat returns; the backbone's out_indices decide."
            )
        if (target.get("test_cfg") or {}).get("flip_test"):
            yield (
                "the evaluation flips images. Set flip_test=False in the test_cfg of the target."
            )
        preprocessor = preprocessor_config(cfg)
        if preprocessor.get("batch_augments") or (target.get("train_cfg") or {}).get("augments"):
            yield (
                "batches of images are changed (batch_augments of data_preprocessor, or augments "
                "of the target's train_cfg). Remove it."
            )

    def _of_the_data(self, cfg: Config) -> Iterator[str]:
        dataset = DataConfig(cfg).dataset("train")
        while type_name(dataset) in OUTER_WRAPPERS:
            if dataset.get("pipeline"):
                yield f"{type_name(dataset)} mixes images. Remove it from train_dataloader."
            dataset = dataset["dataset"]
        leaves = list(leaf_datasets(dataset))
        names = [name for leaf in leaves for name in _transform_names(leaf["pipeline"])]
        if mixing := [name for name in names if _MIXES.search(name)]:
            yield f"the training pipeline mixes images ({', '.join(mixing)}). Remove it."
        for hook in cfg.get("custom_hooks") or []:
            if "Switch" in type_name(hook):
                yield (
                    f"{type_name(hook)} changes the pipeline during training. Remove it from "
                    "custom_hooks."
                )
        task = task_of_pipeline(leaves[0]["pipeline"])
        if self.average and not task.whole_images:
            yield (
                f"where {task.annotation} are predicted, heads need more than averages over the "
                "positions. Set average=False."
            )


def _transform_names(node: object) -> Iterator[str]:
    """Yield the types of transforms, of those inside others, too."""
    if isinstance(node, Mapping):
        if "type" in node:
            yield type_name(node)
        for child in node.values():
            yield from _transform_names(child)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from _transform_names(child)
