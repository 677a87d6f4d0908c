import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import MODELS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.engine import DataConfig, score_pool
from mmal.models import build_model
from mmal.structures import Pool, PoolRound
from tests.processes import run_in_processes


def model_and_dataset(cfg: Config) -> tuple[torch.nn.Module, PoolDataset]:
    init_default_scope("mmdet")
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    ids = [f"train_{i:02d}" for i in range(16)]
    pool = Pool(ids, rounds=[PoolRound("initial", ids[3:8])])
    source = cfg.train_dataloader.dataset
    return model, PoolDataset(source, pool, "unlabeled", pipeline=DataConfig(cfg).test_pipeline)


def test_scores_are_the_models_image_by_image(cfg: Config) -> None:
    model, dataset = model_and_dataset(cfg)
    model.train()
    model.backbone.layer1.eval()
    modes = [module.training for module in model.modules()]
    scores = score_pool(model, dataset, batch_size=3)
    assert [module.training for module in model.modules()] == modes
    assert scores.ids == [f"train_{i:02d}" for i in (0, 1, 2, *range(8, 16))]
    model.eval()
    for i, found in enumerate(scores.fields["pred_loss"]):
        data = model.data_preprocessor(pseudo_collate([dataset[i]]), False)
        with torch.no_grad():
            expected = model.loss_predictor(model.extract_feat(data["inputs"]))
        assert found == pytest.approx(expected.item(), rel=1e-4)


def test_ids_choose_and_the_data_set_orders(cfg: Config) -> None:
    model, dataset = model_and_dataset(cfg)
    every = score_pool(model, dataset)
    some = score_pool(model, dataset, ids=["train_12", "train_01"])
    assert some.ids == ["train_01", "train_12"]
    by_id = dict(zip(every.ids, every.fields["pred_loss"], strict=True))
    np.testing.assert_allclose(some.fields["pred_loss"], [by_id[i] for i in some.ids], rtol=1e-5)


def test_a_plain_model_is_named(cfg: Config) -> None:
    _, dataset = model_and_dataset(cfg)
    plain = MODELS.build(cfg.model.target)
    with pytest.raises(TypeError, match=r"SingleStageDetector has no loss prediction module"):
        score_pool(plain, dataset)


def _score(rank: int, path: str) -> list[float]:
    model, dataset = model_and_dataset(Config.fromfile(path))
    scores = score_pool(model, dataset)
    return [scores.ids, scores.fields["pred_loss"].tolist()]


def test_processes_share_a_pool_that_does_not_divide_by_them(cfg: Config, config_file) -> None:
    model, dataset = model_and_dataset(cfg)
    alone = score_pool(model, dataset)
    assert len(alone) == 11
    for ids, pred_loss in run_in_processes(_score, 2, str(config_file)):
        assert ids == alone.ids
        np.testing.assert_allclose(pred_loss, alone.fields["pred_loss"], rtol=1e-4)


def _score_vectors(rank: int, path: str) -> dict:
    model, dataset = model_and_dataset(Config.fromfile(path))
    scores = score_pool(model, dataset, names=("pred_loss", "embedding"))
    return {name: values.tolist() for name, values in scores.fields.items()}


def test_the_main_process_alone_has_the_vectors(cfg: Config, config_file) -> None:
    model, dataset = model_and_dataset(cfg)
    alone = score_pool(model, dataset, names=("pred_loss", "embedding")).fields
    main, other = run_in_processes(_score_vectors, 2, str(config_file))
    assert list(main) == ["pred_loss", "embedding"]
    assert list(other) == ["pred_loss"]
    assert main["pred_loss"] == other["pred_loss"]
    np.testing.assert_allclose(main["embedding"], alone["embedding"], rtol=1e-3, atol=1e-5)


def _score_one(rank: int, path: str) -> dict:
    model, dataset = model_and_dataset(Config.fromfile(path))
    scores = score_pool(model, dataset, ids=["train_01"], names=("pred_loss", "embedding"))
    return {name: values.shape for name, values in scores.fields.items()}


def test_a_process_without_a_share(config_file) -> None:
    main, other = run_in_processes(_score_one, 2, str(config_file))
    assert main["pred_loss"] == other["pred_loss"] == (1,)
    assert len(main["embedding"]) == 2
    assert "embedding" not in other
