"""A config that begins at the features of its backbone."""

import copy
import hashlib
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.registry import DATASETS
from torch import nn

from mmal.datasets import FeatureStore, PoolDataset
from mmal.datasets.feature_store import Shapes
from mmal.models import LearningLossMixin
from mmal.models.pretrained import pretrained_model
from mmal.utils import cache_folder, main_works_alone, preserved_random_state, single_process

from ..data_config import DataConfig, preprocessor_config, target_config, with_leaves
from .fill import fill
from .settings import CachedFeatures

#: Of the files' content; another one when keys or columns change their meaning.
_VERSION = 1


def with_cached_features(cfg: Config, settings: CachedFeatures) -> Config:
    """Compute what features are missing, and return the config that trains on them.

    The files are kept by backbone, weights and preprocessing, and views in them by pipeline, image
    and annotation, so what is computed serves all queries, seeds, rounds and later runs.

    Args:
        cfg: A config of rounds that :meth:`CachedFeatures.check` lets pass.
        settings: Its ``active_learning.cached_features``.

    Returns:
        The config with ``mmal.CachedViews`` as its pipelines and ``mmal.CachedBackbone``.

    Raises:
        CachedFeaturesError: If images do not all give features of the same shapes, or there is no
            room for them.
    """
    workers = DataConfig(cfg).loading()["num_workers"]
    model = pretrained_model(cfg).to(get_device())
    folder = Path(settings.folder).expanduser() if settings.folder else cache_folder() / "features"
    path = folder / f"{_digest(cfg, model, settings)}.sqlite"
    cfg = _with_cached_pipelines(cfg, path, settings.views)
    data = DataConfig(cfg)
    sets = {
        "training images": lambda: PoolDataset(
            data.pool, data.labeled_pool(), "labeled", None, data.group_by
        ),
        "candidates": data.unlabeled_split,
        "test images": lambda: DATASETS.build(data.dataset("test")),
    }
    if isinstance(model, LearningLossMixin):
        sets["test losses"] = lambda: DATASETS.build(data.labeled_dataset())

    def filled() -> Shapes:
        with single_process(), preserved_random_state():
            return fill(FeatureStore(path), sets, model, settings, workers)

    # The main process first, which says how far it is; the others find what it computed.
    with main_works_alone():
        shapes = filled() if is_main_process() else None
    return _with_cached_model(cfg, shapes or filled())


def features_name(cfg: Config, settings: CachedFeatures) -> str:
    """Return by what the features of a config's backbone are kept: other weights, another name."""
    return _digest(cfg, pretrained_model(cfg), settings)


def _digest(cfg: Config, model: nn.Module, settings: CachedFeatures) -> str:
    """Name what features depend on, beside the images."""
    digest = hashlib.blake2b(digest_size=12)
    for name, value in sorted(model.backbone.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    backbone = target_config(cfg)["backbone"]
    described = [_VERSION, backbone, preprocessor_config(cfg), settings.average]
    digest.update(json.dumps(described, sort_keys=True, default=repr).encode())
    return digest.hexdigest()


def _with_cached_pipelines(cfg: Config, path: Path, views: int) -> Config:
    cfg = Config(copy.deepcopy(cfg.to_dict()), cfg_text=cfg.text or "#", filename=cfg.filename)
    for stage in ("train", "test"):

        def cached(leaf: dict, views: int = views if stage == "train" else 1) -> dict:
            view = dict(type="mmal.CachedViews", store=str(path), views=views)
            return {**leaf, "pipeline": [{**view, "pipeline": leaf["pipeline"]}]}

        loader = cfg[f"{stage}_dataloader"]
        loader["dataset"] = with_leaves(loader["dataset"], cached)
        # Reading costs less than handing a batch from one process to another.
        loader.update(num_workers=0, persistent_workers=False)
        for key in ("prefetch_factor", "multiprocessing_context"):
            loader.pop(key, None)
    return cfg


def _with_cached_model(cfg: Config, shapes: Shapes) -> Config:
    target = target_config(cfg)
    target["backbone"] = dict(type="mmal.CachedBackbone", shapes=shapes)
    for owner in (cfg, cfg.model):
        owner.pop("data_preprocessor", None)
    target["data_preprocessor"] = dict(type="mmal.CachedInputs")
    cfg.efficient_conv_bn_eval = None  # of the backbone, which is not there
    return cfg
