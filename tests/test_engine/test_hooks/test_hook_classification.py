"""The hook in a plain training of an image classifier."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner, load_checkpoint

from mmal.apis.score_pool import score_images
from mmal.models import build_model
from mmal.structures import PoolScores
from tests.classifiers import needs_mmpretrain, rounds_config, write_folders

pytestmark = needs_mmpretrain


def test_a_plain_runner_picks_images_of_a_folder(tmp_path: Path) -> None:
    cfg = rounds_config(tmp_path)
    cfg.pop("active_learning")
    write_folders(tmp_path / "unlabeled", dict(a=4, b=3))
    folder = dict(type="mmal.ImageFolder", data_root=str(tmp_path / "unlabeled"))
    cfg.custom_hooks[0].update(unlabeled=folder, budget=3)
    Runner.from_cfg(cfg).train()

    work_dir = tmp_path / "work"
    scores = PoolScores.load(work_dir / "scores.parquet")
    assert len(scores) == 7
    best = np.argsort(-scores.fields["pred_loss"], kind="stable")[:3]
    picks = (work_dir / "picks.txt").read_text().splitlines()
    assert picks == [scores.img_paths[i] for i in best]

    # One by one, by a model of its own.
    checkpoint = str(work_dir / "epoch_2.pth")
    model = build_model(cfg)
    load_checkpoint(model, checkpoint, strict=True)
    from mmengine.dataset import Compose
    from mmengine.registry import TRANSFORMS

    pipeline = Compose([TRANSFORMS.build(t) for t in cfg.test_dataloader.dataset.pipeline])
    for path, found in zip(scores.img_paths, scores.fields["pred_loss"], strict=True):
        packed = pipeline(dict(img_path=path))
        data = dict(inputs=[packed["inputs"]], data_samples=[packed["data_samples"]])
        with torch.no_grad():
            inputs = model.eval().data_preprocessor(data, False)["inputs"]
            assert model.predict_loss(inputs).item() == pytest.approx(float(found), rel=1e-4)

    again = score_images(cfg, checkpoint, images=tmp_path / "unlabeled", device="cpu")
    assert again.ids == scores.ids
    assert again.fields["pred_loss"] == pytest.approx(scores.fields["pred_loss"], rel=1e-5)
