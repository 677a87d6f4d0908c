"""What is wrong with a description of joints, MMPose's metainfo, before MMPose stumbles over it."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

_NEEDED = ("dataset_name", "keypoint_info", "skeleton_info", "joint_weights", "sigmas")


def metainfo_problem(metainfo: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the metainfo of a data set of joints.

    Args:
        metainfo: As in the data set's config, with ``from_file`` or with the joints themselves.

    Returns:
        All that is wrong; None if nothing is, or the metainfo says nothing of joints. Whether the
        file is there is left to MMPose, which also looks among its own.
    """
    file = metainfo.get("from_file")
    if file is None:
        stated, where = metainfo, "metainfo"
        if "keypoint_info" not in metainfo:
            return None
    else:
        where = str(file)
        if not os.path.isfile(where):
            return None
        try:
            stated = Config.fromfile(where).get("dataset_info")
        except Exception as error:  # whatever Python says of it
            return f"{where} cannot be read: {error}"
        if not isinstance(stated, Mapping):
            return f"{where} has no dataset_info = dict(…), which is what MMPose reads"
    found = list(_problems(stated))
    return f"{where}: {'; '.join(found)}" if found else None


def _problems(stated: Mapping[str, Any]) -> Iterator[str]:
    if missing := [key for key in _NEEDED if key not in stated]:
        yield f"{', '.join(missing)} missing"
        return
    joints = stated["keypoint_info"]
    names = [joint.get("name") for joint in joints.values()]
    if sorted(joints) != list(range(len(names))):
        yield f"the joints of keypoint_info are numbered {list(joints)}; expected 0, 1, 2, …"
    if len(set(names)) != len(names):
        yield f"names of joints occur twice: {names}"
    for joint in joints.values():
        if (swap := joint.get("swap")) and swap not in names:
            yield f"swap of {joint['name']!r} is {swap!r}, which is no joint"
    for link in stated["skeleton_info"].values():
        if unknown := [end for end in link["link"] if end not in names]:
            yield f"a line ends at {unknown[0]!r}, which is no joint"
    # Average precision is measured by them, if they are there. Weights seldom count: two of
    # MMPose's own files (coco_aic, humanart_aic) have one too few, and nobody noticed.
    sigmas = stated["sigmas"]
    if len(sigmas) and len(sigmas) != len(names):
        yield f"there are {len(sigmas)} sigmas for {len(names)} joints"
