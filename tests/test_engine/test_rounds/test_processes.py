"""Rounds that several processes share: on CPUs, by gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS, init_default_scope
from mmengine.runner import set_random_seed

from mmal.engine import DataConfig, acquire, score_pool
from mmal.engine.preflight import PreflightError
from mmal.engine.rounds import run_rounds
from mmal.models import build_model
from mmal.queries import build_query
from mmal.structures import Pool
from tests.processes import run_in_processes

ROOT = Path(__file__).parents[3]
QUERIES = [
    dict(type="mmal.LearnedLoss"),
    dict(type="mmal.Random"),
    dict(type="mmal.CoreSet"),
    dict(type="mmal.Entropy"),
]


def _pick(rank: int, path: str, folder: str) -> list[list[str]]:
    """Pick by a model of one seed, by each query; return what this process takes for the picks."""
    cfg = Config.fromfile(path)
    init_default_scope("mmdet")
    set_random_seed(0)
    model = build_model(cfg)
    model.init_weights()
    data = DataConfig(cfg)
    found = []
    for i, query in enumerate(map(build_query, QUERIES)):
        # Eleven candidates of sixteen, which neither two nor three processes divide.
        pool = Pool(data.unlabeled_split().pool.ids, seed=3)
        pool.commit(sorted(pool.ids)[:5], "initial", None)
        dataset = data.unlabeled_split(None if query.reads_labeled else pool)
        out_dir = Path(folder, str(i))
        out_dir.mkdir(parents=True, exist_ok=True)

        def score(ids, dataset=dataset, query=query):
            return score_pool(model, dataset, ids=ids, names=query.requires)

        pool_file = out_dir / "pool.json"
        acquire(pool, pool_file, out_dir, dataset, query, 4, None, score)
        assert pool.rounds[1].picks == json.loads(pool_file.read_text())["rounds"][1]["picks"]
        found.append(pool.rounds[1].picks)
    return found


@pytest.mark.parametrize("size", [3, pytest.param(2, marks=pytest.mark.slow)])
def test_picks_do_not_depend_on_processes(config_file: Path, tmp_path: Path, size: int) -> None:
    alone = _pick(0, str(config_file), str(tmp_path / "alone"))
    assert len({tuple(picks) for picks in alone}) == len(QUERIES)
    ranks = run_in_processes(_pick, size, str(config_file), str(tmp_path / "shared"))
    assert ranks == [alone] * size


TROUBLE = """
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class TroubleOfOneHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if get_rank() == 1 and runner.iter == 1:
            raise RuntimeError("the disk of one machine is gone")
"""


def _launch(config: Path, processes: int, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "_torchrun.py"), "--standalone"]
    command += [f"--nproc-per-node={processes}", str(ROOT / "tools" / "run_rounds.py"), str(config)]
    command += ["--launcher", "pytorch", "--cfg-options", "train_dataloader.batch_size=2", *options]
    path = os.pathsep.join([str(ROOT), str(config.parent)])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "passive"}
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_the_first_error_is_the_one_that_is_told(config_file: Path, tmp_path: Path) -> None:
    """And it ends all of them: the other waits for gradients that never come."""
    (tmp_path / "trouble.py").write_text(TROUBLE)
    text = config_file.read_text()
    text = text.replace('imports=["mmal"]', 'imports=["mmal", "trouble"]')
    text = text.replace("detach_epoch=2)", 'detach_epoch=2), dict(type="TroubleOfOneHook")')
    config_file.write_text(text)
    workers = ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    done = _launch(config_file, 2, *workers)
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: the disk of one machine is gone") == 1
    assert "Process 1 was the first on this machine to end, with the exit code 1" in done.stderr
    for noise in ("rank0", "gloo", "ChildFailedError", "closing signal"):
        assert noise not in done.stderr


@pytest.mark.slow
def test_what_is_refused_is_told_once(config_file: Path) -> None:
    done = _launch(config_file, 3, "active_learning.budget=40")
    assert done.returncode == 1
    assert done.stderr.count("error: active_learning needs 86 samples") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_machines_share_the_rounds_of_people(pose_config_file: Path, tmp_path: Path) -> None:
    """Both are this one, as far as the script knows."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = ["bash", str(ROOT / "tools" / "dist_run_rounds.sh"), str(pose_config_file), "1"]
    command += ["--cfg-options", "train_dataloader.batch_size=2", "active_learning.rounds=2"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "passive"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHON": sys.executable, "NNODES": "2"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "PORT": str(port)}
    nodes = [
        subprocess.Popen(
            command,
            env={**environment, "NODE_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [node.communicate(timeout=300)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], outputs
    assert ["Curve, picks and scores" in output for output in outputs] == [True, False]
    picks = json.loads((tmp_path / "work" / "pool.json").read_text())["rounds"]
    assert [len(r["picks"]) for r in picks] == [6, 4]


@HOOKS.register_module()
class WeightSumHook(Hook):
    """Keeps what the weights of this process add up to after a training."""

    sums: ClassVar[list[float]] = []

    def after_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        total = sum(float(p.detach().double().abs().sum()) for p in model.parameters())
        WeightSumHook.sums.append(total)


VARIANTS = {
    "plain": {},
    "find_unused_parameters": {"find_unused_parameters": True},
    "EMA": {"custom_hooks.1": dict(type="EMAHook")},
    "bfloat16": {
        "optim_wrapper.type": "AmpOptimWrapper",
        "optim_wrapper.dtype": "bfloat16",
        "optim_wrapper.loss_scale": 1.0,
    },
    "accumulation": {"optim_wrapper.accumulative_counts": 2},
    "pairs of all": {"model.ranking_loss.across_gpus": True},
}


def _vary(rank: int, path: str, names: list[str]) -> dict[str, tuple]:
    """Run two rounds of each variant; return what the weights add up to."""
    os.environ["LOCAL_RANK"] = str(rank)
    # mmengine has it for GPUs alone, but torch computes so on CPUs, too.
    from mmengine.optim.optimizer import amp_optimizer_wrapper

    amp_optimizer_wrapper.is_cuda_available = lambda: True
    import mmal.engine.rounds.preflight as preflight

    preflight.check_optimizer = lambda cfg: None
    found = {}
    for name in names:
        cfg = Config.fromfile(path)
        cfg.launcher = "pytorch"
        cfg.work_dir += f"_{name.replace(' ', '_')}"
        cfg.active_learning.update(rounds=2, report=False)
        cfg.train_cfg.max_epochs = 2  # of a single step each, in three processes
        cfg.custom_hooks[0].detach_epoch = None
        cfg.custom_hooks = [cfg.custom_hooks[0], dict(type="WeightSumHook")]
        cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
        options = dict(VARIANTS[name])
        if (hook := options.pop("custom_hooks.1", None)) is not None:
            cfg.custom_hooks.append(hook)
        if name == "bfloat16" and cfg.default_scope == "mmpose":
            options["model.target.train_cfg"] = dict(compute_acc=False)
        cfg.merge_from_dict(options)
        WeightSumHook.sums = []
        records = run_rounds(cfg)
        found[name] = ([r["labeled"] for r in records], WeightSumHook.sums, cfg.work_dir)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("kind", ["config_file", "pose_config_file"])
def test_variants_train_and_pick(kind: str, size: int, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    ranks = run_in_processes(_vary, size, str(path), list(VARIANTS))
    sums = {}
    for name in VARIANTS:
        parts = [rank[name] for rank in ranks]
        labeled, weights, work_dir = parts[0]
        assert labeled == [6, 10]
        assert all(np.isfinite(total) for total in weights)
        for others in parts[1:]:  # gradients were shared: all have the same weights
            assert others[1] == weights
        picks = json.loads(Path(work_dir, "pool.json").read_text())["rounds"]
        assert [len(r["picks"]) for r in picks] == [6, 4]
        sums[name] = weights[0]
        saved = torch.load(Path(work_dir, "round_00", "epoch_2.pth"), weights_only=False)
        assert ("ema_state_dict" in saved) == (name == "EMA")
    # What a setting asks for is done: it trains to other weights, or, but for the order in which
    # three processes add up, to the same.
    away = {name: abs(total - sums["plain"]) for name, total in sums.items()}
    assert max(away["find_unused_parameters"], away["EMA"]) < 1e-7
    assert min(away["bfloat16"], away["accumulation"]) > 1e-5


def _refused(rank: int, path: str, options: dict) -> str:
    os.environ["LOCAL_RANK"] = str(rank)
    cfg = Config.fromfile(path)
    cfg.launcher = "pytorch"
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.merge_from_dict(options)
    with pytest.raises(PreflightError) as raised:
        run_rounds(cfg)
    return str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sync_bn": "torch"}, "SyncBatchNorm"),
        ({"model.target.backbone.norm_cfg": dict(type="SyncBN")}, "SyncBatchNorm"),
        ({"optim_wrapper.type": "AmpOptimWrapper"}, "only available on a GPU"),
    ],
)
def test_what_only_gpus_have_is_one_error_in_all(
    config_file: Path, cfg: Config, options: dict, message: str
) -> None:
    told = run_in_processes(_refused, 2, str(config_file), options)
    assert told[0] == told[1]
    assert message in told[0]
    assert not Path(cfg.work_dir).exists()
