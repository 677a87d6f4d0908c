import pytest

from mmal.utils import JsonError, checked, member, read_json


def test_members_of_the_right_type():
    parent = dict(n=3, x=0.5, s="a", many=[1], inner={})
    assert member(parent, "n", int, least=3) == 3
    assert member(parent, "n", float) == 3
    assert [member(parent, k, t) for k, t in dict(x=float, s=str, many=list, inner=dict).items()]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (None, list, r"^a\.b must be a list\. Got null instead$"),
        (True, int, r"must be an integer\. Got true"),
        (1.0, int, r"must be an integer\. Got 1\.0"),
        ("x", float, r'must be a number\. Got "x"'),
        (["x" * 99], str, r"must be a string\. Got .{57}\.\.\. instead"),
        ([], dict, r"must be an object\. Got \[\]"),
    ],
)
def test_another_type_is_named_with_its_place(value, kind, message):
    with pytest.raises(JsonError, match=message):
        member({"b": value}, "b", kind, "a")


def test_too_small_and_missing():
    with pytest.raises(JsonError, match=r"seed must be at least 0\. Got -1 instead"):
        checked(-1, int, "seed", least=0)
    with pytest.raises(JsonError, match="the top level has no 'seed'"):
        member({}, "seed", int)
    with pytest.raises(JsonError, match="dataset has no 'size'"):
        member({}, "size", int, "dataset")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(JsonError, match="it is no JSON"):
        read_json(path)
