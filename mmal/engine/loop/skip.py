"""Images that nobody is going to label."""

import difflib
from collections.abc import Sequence

from mmal.utils import few

from .loop_data import LoopData
from .project import Project, ProjectError
from .steps import Skip

#: With how many ids a name that is not there is compared.
_COMPARED = 20_000


def skip_images(project: Project, data: LoopData, names: Sequence[str]) -> Skip:
    """Take images out of the pool for good, copies of them included.

    Args:
        project: The project; gets a step.
        data: Its data.
        names: Ids of images, or their files.

    Raises:
        ProjectError: If one is not in the pool, is labelled, or skipped already.
    """
    paths = project.images()
    # What waits for labels may have gone from the pool: that is a reason to skip it.
    known = paths.keys() | set(project.pending)
    ids = [name if name in known else project.raw_images.name(name) for name in names]
    if unknown := [name for name, i in zip(names, ids, strict=True) if i not in known]:
        # In a large pool it would take minutes.
        near = len(known) <= _COMPARED and difflib.get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ProjectError(
            f"Not in the pool: {few(unknown)}.{hint} Name images by their ids, as in picks.csv, or "
            "by their files."
        )
    closed = project.labeled.keys() | project.skipped.keys()
    if done := [i for i in ids if i in closed]:
        raise ProjectError(f"Labelled or skipped already: {few(done)}.")
    facts = data.facts([paths[i] for i in ids if i in paths])
    picked = project.pending_digests
    step = Skip({i: facts[paths[i]].digest if i in paths else picked.get(i, "") for i in ids})
    project.take(step)
    return step
