"""Every tool says what it does, with an example that begins with its own name."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(p.relative_to(ROOT) for p in (ROOT / "tools").rglob("*.py"))
#: Modules that a tool imports, in the tool's folder, and what scripts call.
PARTS = {"_torchrun.py", "machine.py", "virtual_env.py", "wheel_cache.py"}


@pytest.mark.parametrize("tool", [t for t in TOOLS if t.name not in PARTS], ids=str)
def test_help_has_an_example(
    tool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tool), "--help"])
    monkeypatch.syspath_prepend(str((ROOT / tool).parent))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / tool), run_name="__main__")
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert str(tool) in shown
    named = re.findall(r"(?<![\w:/])configs/\S+\.py", shown)
    assert [path for path in named if not (ROOT / path).exists()] == []
