"""Descriptions of joints that MMPose would stumble over, or use without a word."""

from pathlib import Path

import pytest

from mmal.datasets.audit.joint_metainfo import metainfo_problem

EXAMPLE = Path(__file__).parents[3] / "configs/examples/metainfo/my_keypoints.py"


def problem_of(text: str, tmp_path: Path) -> str | None:
    file = tmp_path / "my_keypoints.py"
    file.write_text(text)
    return metainfo_problem(dict(from_file=str(file)))


def test_the_example_is_right(tmp_path: Path) -> None:
    assert problem_of(EXAMPLE.read_text(), tmp_path) is None


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("dataset_info", "info", "has no dataset_info"),
        ("    sigmas=", "    sigma=", "sigmas missing"),
        ('swap="right_ear"', 'swap="rigth_ear"', "swap of 'left_ear' is 'rigth_ear'"),
        ('link=("nose", "withers")', 'link=("nose", "wither")', "a line ends at 'wither'"),
        ("0.08, 0.05]", "0.05]", "there are 6 sigmas for 7 joints"),
        ("        6: dict", "        7: dict", "are numbered"),
        ('name="tail_head"', 'name="nose"', "occur twice"),
        ("dataset_info = dict(", "dataset_info = dict(]", "cannot be read"),
    ],
)
def test_what_is_wrong(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    assert right in text
    found = problem_of(text.replace(right, wrong), tmp_path)
    assert "my_keypoints.py" in found
    assert message in found


def test_what_says_nothing_of_joints() -> None:
    assert metainfo_problem(dict(classes=("cat", "dog"))) is None
    assert metainfo_problem(dict(from_file="configs/_base_/datasets/coco.py")) is None


def test_joints_in_the_config_itself() -> None:
    joint = dict(name="nose", swap="")
    stated = dict(
        dataset_name="one",
        keypoint_info={0: joint},
        skeleton_info={},
        joint_weights=[1.0],
        sigmas=[],
    )
    assert metainfo_problem(stated) is None
    found = metainfo_problem({**stated, "keypoint_info": {0: {**joint, "swap": "tail"}}})
    assert found == "metainfo: swap of 'nose' is 'tail', which is no joint"


def test_the_metainfos_of_mmpose_are_right() -> None:
    import mmpose

    folder = Path(mmpose.__file__).parent / ".mim/configs/_base_/datasets"
    files = sorted(folder.glob("*.py"))
    assert len(files) > 20
    found = {file.name: metainfo_problem(dict(from_file=str(file))) for file in files}
    assert {name: problem for name, problem in found.items() if problem} == {}
