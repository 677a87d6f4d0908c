"""Lists of images in which anything may stand: an error that names the list, or what it says."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmal.datasets import RawImages

#: Unpaired surrogates cannot be in UTF-8; line ends and NUL can.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("a\ud800.jpg"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NAME = st.sampled_from(["a.jpg", "b/c.png", "/else/d.jpg", "s3://pool/e.jpg", "ü 'x'.jpg"])
MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


def listed(source: Path) -> dict[str, str] | None:
    """What a list says, or None if it is refused, which must be by its name."""
    before, paths, refused = source.read_bytes(), None, ""
    try:
        paths = RawImages([str(source)]).paths()
    except ValueError as error:
        refused = str(error)
    assert paths is not None or source.name in refused or "have the same id" in refused
    assert source.read_bytes() == before
    if paths is not None:
        assert paths
        for name, path in paths.items():
            assert isinstance(path, str)
            assert not name.startswith("/")
    return paths


@MANY
@given(
    content=st.binary(max_size=60), suffix=st.sampled_from([".txt", ".csv", ".parquet", ".json"])
)
def test_bytes(folder: Path, content: bytes, suffix: str) -> None:
    source = folder / f"bytes{suffix}"
    source.write_bytes(content)
    listed(source)


@MANY
@given(
    names=st.lists(NAME, max_size=4),
    odd=st.none() | ANYTHING,
    key=st.sampled_from(["", "file_name"]),
)
def test_coco(folder: Path, names: list[str], odd: object, key: str) -> None:
    images = [dict(file_name=name) for name in names]
    source = folder / "coco.json"
    source.write_text(json.dumps(dict(images=[*images, dict(file_name=odd) if key else odd])))
    found = listed(source)
    good = key and isinstance(odd, str) and odd and "\0" not in odd and "\ud800" not in odd
    if not good:
        assert found is None


@MANY
@given(content=ANYTHING)
def test_json(folder: Path, content: object) -> None:
    source = folder / "any.json"
    source.write_text(json.dumps(content))
    listed(source)


@MANY
@given(
    header=st.sampled_from(["img_path,score", "score", "", "img_path"]),
    lines=st.lists(TEXT, max_size=4),
)
def test_csv(folder: Path, header: str, lines: list[str]) -> None:
    source = folder / "any.csv"
    source.write_text("\n".join([header, *lines]), encoding="utf-8")
    found = listed(source)
    if "img_path" not in header:
        assert found is None


@MANY
@given(names=st.lists(NAME, unique=True, max_size=4), nothing=st.booleans())
def test_parquet(folder: Path, names: list[str], nothing: bool) -> None:
    source = folder / "any.parquet"
    column = pa.array([*names, *[None] * nothing], pa.string())
    pa_parquet.write_table(pa.table({"path": column}), source)
    found = listed(source)
    assert (found is None) == (nothing or not names)
    if found is not None:
        assert len(found) == len(names)


@pytest.mark.parametrize(
    "column", [pa.array([1, 2]), pa.array([b"a.jpg"]), pa.array([["a.jpg"]]), pa.array([None])]
)
def test_parquet_of_other_types(folder: Path, column: pa.Array) -> None:
    source = folder / "types.parquet"
    pa_parquet.write_table(pa.table({"path": column}), source)
    with pytest.raises(ValueError, match=r"Entry 1 of the list of images .*types\.parquet is "):
        RawImages([str(source)]).paths()
