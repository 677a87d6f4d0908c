"""The query of docs/queries.md, in a file of its own."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmal.apis.cli import parse_query
from mmal.engine.rounds import run_rounds
from mmal.registry import QUERIES
from mmal.structures import PoolScores

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"


@pytest.fixture
def own_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the file that the page shows where Python finds it."""
    section = PAGE.read_text().split("## A query of your own")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    (tmp_path / "my_queries.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_queries", None)
    QUERIES.module_dict.pop("UncertainAtRandom", None)


@pytest.mark.usefixtures("own_query")
def test_a_config_imports_it_and_rounds_pick_by_it(config_file: Path) -> None:
    text = config_file.read_text().replace('imports=["mmal"]', 'imports=["mmal", "my_queries"]')
    text = text.replace("rounds=3", "rounds=2")
    config_file.write_text(text)
    cfg = Config.fromfile(config_file)
    cfg.active_learning.query = parse_query("UncertainAtRandom(share=0.5)")
    run_rounds(cfg)
    rounds = json.loads(Path(cfg.work_dir, "pool.json").read_text())["rounds"]
    assert rounds[1]["query"] == "UncertainAtRandom(share=0.5)"
    scores = PoolScores.load(Path(cfg.work_dir, "round_00", "scores.parquet"))
    values = dict(zip(scores.ids, scores.fields["margin_mean"], strict=True))
    least = min(values[i] for i in rounds[1]["picks"])
    assert least >= np.median(list(values.values()))
