"""What rounds are run with: packages, config, seed."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import torch
from mmengine.config import Config

from mmal.version import __version__

from .comparable import plain

#: Packages whose version may change what a round learns or picks, by the names in registries that
#: they are installed under.
_PACKAGES = dict(
    mmengine=("onedl-mmengine", "mmengine"),
    mmcv=("onedl-mmcv", "mmcv"),
    mmdet=("onedl-mmdetection", "mmdet"),
    mmpose=("mmpose",),
    mmpretrain=("onedl-mmpretrain", "mmpretrain"),
    torchvision=("torchvision",),
    numpy=("numpy",),
)
#: Members of a config that say nothing of what is computed.
_LEFT_OUT = ("work_dir", "launcher")


def environment(cfg: Config) -> dict[str, Any]:
    """Return versions of packages, a hash of the config and the seed, as JSON has them.

    The hash is the SHA-256 of the config with the options of the command line. It leaves out what
    :func:`~mmal.engine.rounds.comparable.plain` does, such as where data are.
    """
    # torch's own name of its version says for which CUDA it was built.
    versions = dict(
        python=platform.python_version(), mmal=__version__, torch=str(torch.__version__)
    )
    for package, names in _PACKAGES.items():
        found = [version for name in names if (version := _installed(name)) is not None]
        if found:
            versions[package] = found[0]
    kept = {key: value for key, value in cfg.to_dict().items() if key not in _LEFT_OUT}
    text = json.dumps(plain(kept), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return dict(versions=versions, config=f"sha256:{digest}", seed=cfg.randomness.seed)


def versions_sentence(others: Mapping[str, list[str]]) -> str:
    """Say which packages have other versions, ``[was, is]`` by name, than before."""
    changes = ", ".join(f"{name} {was} → {now}" for name, (was, now) in others.items())
    return (
        f"Other versions than before, which may round or draw differently: {changes}. "
        "settings.json has both."
    )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
