from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import MODELS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.engine import DataConfig, score_pool
from mmal.engine.score_shards import ShardFolder
from mmal.engine.scoring import _told_to_all
from mmal.engine.unreadable import UnreadableImagesError
from mmal.models import build_model
from mmal.structures import Pool, PoolRound, PoolScores
from mmal.utils import StorageError
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


# On the disk

NAMES = ("pred_loss", "embedding")


def same(found: PoolScores, expected: PoolScores) -> bool:
    fields = found.fields.keys() == expected.fields.keys() and all(
        np.array_equal(values, expected.fields[name]) for name, values in found.fields.items()
    )
    return fields and (found.ids, found.img_paths) == (expected.ids, expected.img_paths)


def interrupt_at(monkeypatch, number: int) -> None:
    """Interrupt scoring before shard ``number`` is written."""
    write = ShardFolder.write

    def interrupted(self, n, shard):
        if n == number:
            raise KeyboardInterrupt
        write(self, n, shard)

    monkeypatch.setattr(ShardFolder, "write", interrupted)


def loaded(monkeypatch) -> list[str]:
    """Return the list that the ids of the samples come into as they are loaded."""
    ids, get = [], PoolDataset.__getitem__

    def noted(self, idx):
        ids.append(self.sample_name(idx)[0])
        return get(self, idx)

    monkeypatch.setattr(PoolDataset, "__getitem__", noted)
    return ids


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_scores_on_the_disk_are_those_in_memory(cfg: Config, tmp_path, batch_size: int) -> None:
    model, dataset = model_and_dataset(cfg)
    kwargs = dict(batch_size=batch_size, names=NAMES)
    expected = score_pool(model, dataset, **kwargs)
    found = score_pool(model, dataset, folder=tmp_path / "scoring", **kwargs)
    assert same(found, expected)
    vectors = found.fields["embedding"]
    assert isinstance(vectors.base, np.memmap)
    vectors[0] = 0  # the file does not change with it
    assert same(score_pool(model, dataset, folder=tmp_path / "scoring", **kwargs), expected)


def test_interrupted_scoring_goes_on(cfg: Config, tmp_path, monkeypatch) -> None:
    model, dataset = model_and_dataset(cfg)
    expected = score_pool(model, dataset, names=NAMES)
    scoring = tmp_path / "scoring"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            score_pool(model, dataset, names=NAMES, folder=scoring)
    ids = loaded(monkeypatch)
    assert same(score_pool(model, dataset, names=NAMES, folder=scoring), expected)
    assert ids == expected.ids[7:]
    (scoring / "000003.parquet").write_bytes(b"torn")
    (scoring / "000005.embedding.npy").unlink()
    ids.clear()
    assert same(score_pool(model, dataset, names=NAMES, folder=scoring), expected)
    assert ids == [expected.ids[3], expected.ids[5]]


@pytest.mark.parametrize("change", ["weights", "ids", "names", "batch size", "settings"])
def test_shards_of_anything_else_are_not_used(
    cfg: Config, tmp_path, monkeypatch, change: str
) -> None:
    model, dataset = model_and_dataset(cfg)
    kwargs = dict(names=NAMES, settings=dict(pipeline=["Resize"]))
    score_pool(model, dataset, folder=tmp_path / "scoring", **kwargs)
    if change == "weights":
        with torch.no_grad():
            next(model.backbone.parameters()).add_(1e-3)
    else:
        kwargs |= {
            "ids": dict(ids=dataset.pool.unlabeled_ids[1:]),
            "names": dict(names=("pred_loss", "features")),
            "batch size": dict(batch_size=2),
            "settings": dict(settings=dict(pipeline=["Pad"])),
        }[change]
    expected = score_pool(model, dataset, **kwargs)
    ids = loaded(monkeypatch)
    assert same(score_pool(model, dataset, folder=tmp_path / "scoring", **kwargs), expected)
    assert ids == expected.ids


def _score_on_disk(rank: int, path: str, folder: str) -> dict:
    torch.set_num_threads(1)
    model, dataset = model_and_dataset(Config.fromfile(path))
    scores = score_pool(model, dataset, names=NAMES, folder=folder)
    return {name: values.tolist() for name, values in scores.fields.items()}


def test_other_processes_go_on_with_the_shards_of_one(
    cfg: Config, config_file, tmp_path, monkeypatch
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the others: the sums are the same bit for bit
    model, dataset = model_and_dataset(cfg)
    expected = score_pool(model, dataset, names=NAMES).fields
    torch.set_num_threads(threads)
    interrupt_at(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        score_pool(model, dataset, names=NAMES, folder=tmp_path / "scoring")
    shards = [tmp_path / "scoring" / f"{i:06d}.parquet" for i in range(11)]
    before = [path.stat().st_mtime_ns for path in shards[:4]]
    main, other = run_in_processes(_score_on_disk, 2, str(config_file), str(tmp_path / "scoring"))
    assert [path.stat().st_mtime_ns for path in shards[:4]] == before
    assert all(path.exists() for path in shards)
    assert main["embedding"] == expected["embedding"].tolist()
    assert main["pred_loss"] == other["pred_loss"] == expected["pred_loss"].tolist()
    assert "embedding" not in other


# Images that cannot be read


def image_of(dataset: PoolDataset, place: int) -> Path:
    return Path(dataset.image_file(place)[0])


def test_unreadable_images_are_left_out(cfg: Config, tmp_path, monkeypatch) -> None:
    model, dataset = model_and_dataset(cfg)
    whole = score_pool(model, dataset, names=NAMES)
    missing, torn = image_of(dataset, 2), image_of(dataset, 6)
    content = missing.read_bytes()
    missing.unlink()
    torn.write_bytes(b"no image")
    with pytest.raises(UnreadableImagesError, match=r"2 of 11 candidates .* share 0\.1 .* exist"):
        score_pool(model, dataset, names=NAMES, unreadable=0.1)
    scoring = tmp_path / "scoring"
    for folder in (None, scoring):
        found = score_pool(model, dataset, names=NAMES, unreadable=0.2, folder=folder)
        rest = [name for name in whole.ids if name not in (whole.ids[2], whole.ids[6])]
        assert same(found, whole.take(rest))
        assert [(image.id, image.path, image.reason) for image in found.skipped] == [
            (whole.ids[2], str(missing), "does not exist"),
            (whole.ids[6], str(torn), "is no image that OpenCV decodes"),
        ]
    missing.write_bytes(content)  # mended: it is scored, the others are not again
    ids = loaded(monkeypatch)
    found = score_pool(model, dataset, names=NAMES, unreadable=0.2, folder=scoring)
    assert ids == [whole.ids[2]]
    assert found.ids == [name for name in whole.ids if name != whole.ids[6]]


def test_a_batch_with_unreadable_images_has_the_others(cfg: Config) -> None:
    model, dataset = model_and_dataset(cfg)
    bad = (0, 3, 4, 5, 10)  # some of a batch of three, and all of one
    ids = [dataset.sample_name(i)[0] for i in range(11) if i not in bad]
    for place in bad:
        image_of(dataset, place).unlink()
    found = score_pool(model, dataset, batch_size=3, unreadable=0.5)
    assert found.ids == ids
    alone = score_pool(model, dataset, ids=ids)
    np.testing.assert_allclose(found.fields["pred_loss"], alone.fields["pred_loss"], rtol=1e-4)


def test_a_pipeline_that_fails_is_no_unreadable_image(cfg: Config) -> None:
    model, dataset = model_and_dataset(cfg)

    def fail(data: dict) -> dict:
        raise RuntimeError("a transform of its own")

    dataset.pipeline = fail
    with pytest.raises(RuntimeError, match="a transform of its own"):
        score_pool(model, dataset, unreadable=0.5)


def _score_unreadable(rank: int, path: str) -> str:
    model, dataset = model_and_dataset(Config.fromfile(path))
    with pytest.raises((UnreadableImagesError, RuntimeError)) as error:
        score_pool(model, dataset, unreadable=0.05)
    return str(error.value)


def test_too_many_unreadable_images_stop_all_processes(cfg: Config, config_file) -> None:
    _, dataset = model_and_dataset(cfg)
    image_of(dataset, 1).unlink()  # one process sees it, the other hears of it
    for told in run_in_processes(_score_unreadable, 2, str(config_file)):
        assert "1 of 11 candidates cannot be read" in told


def _error_of_a_rank(rank: int) -> str:
    try:
        with _told_to_all():
            if rank == 1:
                raise StorageError(28, "scores.npy cannot be written: No space left on device")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def test_an_error_of_one_process_is_raised_in_all() -> None:
    expected = "StorageError: scores.npy cannot be written: No space left on device"
    assert run_in_processes(_error_of_a_rank, 2) == [expected] * 2
