"""What all tools make of their command lines."""

import argparse
import sys
from pathlib import Path

import pytest

from mmal.apis.cli import add_cfg_options, one_line_errors, parse_query, read_config

TINY = "model = dict(type='A')\nhooks = [dict(a=1)]\n"


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    add_cfg_options(parser)
    return parser.parse_args(argv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = dict(", r"SyntaxError: .* \(line 1: a = dict\(\)"),
        (
            "a = 1\nb = undefined\n",
            r"NameError: name 'undefined' is not defined \(mine\.py, line 2\)",
        ),
        ("a = 1 / 0\n", "ZeroDivisionError"),
        ("import no_such_package\n", "no_such_package"),
        ("custom_hooks = dict(type='EMAHook')\n", "must be a list of hooks' configs"),
    ],
)
def test_mistakes_in_a_config_are_a_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(SystemExit, match=rf"^error: .*mine\.py.*{message}"), one_line_errors():
        read_config(parse(str(path)))


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: .*gone\.py"), one_line_errors():
        read_config(parse(str(tmp_path / "gone.py")))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("hooks.5.a=3", r"--cfg-options cannot be applied to .*mine\.py: .* exceeds the length"),
        ("model.type.a=1", r"--cfg-options cannot be applied to .*mine\.py"),
    ],
)
def test_an_option_without_a_place(tmp_path: Path, option: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TINY)
    with pytest.raises(ValueError, match=message):
        read_config(parse(str(path), "--cfg-options", option))
    assert read_config(parse(str(path), "--cfg-options", "hooks.0.a=3")).hooks[0].a == 3


def test_what_an_option_names_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TINY + "custom_imports = dict(imports=['json'])\n")
    (tmp_path / "named_by_an_option.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    option = "custom_imports.imports=[named_by_an_option]"
    cfg = read_config(parse(str(path), "--cfg-options", option))
    assert sys.modules.pop("named_by_an_option", None)
    assert cfg.custom_imports.imports == ["json", "named_by_an_option"]  # trials need both


#: Modules that fail, and what is said of them.
FAILING = {
    "raises": ("\nraise RuntimeError('boom')\n", r"RuntimeError: boom \(raises_.*\.py, line 2\)$"),
    "deep": ("def f():\n    1 / 0\n\nf()\n", r"ZeroDivisionError: .* \(deep_.*\.py, line 4\)$"),
    "syntax": ("def f(:\n", r"SyntaxError: invalid syntax \(syntax_.*\.py, line 1\)$"),
    "imports": (
        "import no_such_thing\n",
        r"No module named 'no_such_thing' \(imports_.*\.py, line 1\)$",
    ),
    "advises": (
        "try:\n    import no_such_thing\nexcept ImportError:\n"
        "    raise ImportError('Failed to import no_such_thing: install its-other-name')\n",
        r"no_such_thing: install its-other-name \(advises_.*\.py, line 4\)$",
    ),
    "empty": ("raise SyntaxError\n", r"SyntaxError: .*$"),
    "gone": (None, r"ModuleNotFoundError: No module named 'gone_.*'\. .* in PYTHONPATH$"),
}


@pytest.mark.parametrize("by_option", [True, False])
@pytest.mark.parametrize("kind", FAILING)
def test_a_module_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, by_option: bool
) -> None:
    text, message = FAILING[kind]
    module = f"{kind}_{by_option}"  # Python remembers what it looked for
    if text is not None:
        (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = ["--cfg-options", f"custom_imports.imports=[{module}]"] if by_option else []
    named = "json" if by_option else module
    path = tmp_path / "mine.py"
    imports = f"dict(imports=['{named}'], allow_failed_imports=False)"
    path.write_text(f"{TINY}custom_imports = {imports}\n")
    with pytest.raises(ValueError, match=message):
        read_config(parse(str(path), *options))


@pytest.mark.parametrize(
    "option",
    [
        "custom_imports=my_queries",
        "custom_imports.import=[a]",
        "custom_imports.allow_failed_imports=True",
        "custom_imports.imports=3",
    ],
)
def test_imports_of_another_shape(tmp_path: Path, option: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TINY)
    with pytest.raises(ValueError, match="custom_imports has to be a dict with 'imports'"):
        read_config(parse(str(path), "--cfg-options", option))


def test_a_lazy_config_whose_import_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lazily_broken.py").write_text("\nraise RuntimeError('boom')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "lazy.py"
    path.write_text(
        "from mmengine.config import read_base\nfrom lazily_broken import Model\n"
        "with read_base():\n    from .base import a\nmodel = dict(type=Model)\n"
    )
    (tmp_path / "base.py").write_text("a = 1\n")
    with pytest.raises(ValueError, match=r"lazy\.py cannot be read: .*boom"):
        read_config(parse(str(path)))


def test_a_mistake_in_a_file_that_is_inherited_from(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("a = 1\nb = dict(\n")
    path = tmp_path / "mine.py"
    path.write_text("_base_ = 'base.py'\n")
    with pytest.raises(ValueError, match=r"SyntaxError: .* \(line 2: b = dict\(\)"):
        read_config(parse(str(path)))


def test_an_option_without_a_value(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse("mine.py", "--cfg-options", "nonsense")
    assert "--cfg-options takes key=value. Got 'nonsense' instead." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read: "),
        ("Random, CoreSet", "it must be one name"),
        ("Entropy(**dict(aggregation='max'))", "parameters need names"),
        ("Entropy('max')", "parameters need names"),
        ("Herding(weight=dict(a=1))", "'weight' parameter of Herding must be None or one of"),
        ("Entrop", "There is no query .* needs its file in custom_imports"),
        ("LearnedLoss(typ=1)", r"LearnedLoss cannot be built with \['typ'\].* parameters are none"),
    ],
)
def test_a_query_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_query(text)
