"""Classes of images: a folder a class, or a list of images with their labels."""

import os
from collections.abc import Iterator, Sequence

from mmengine.fileio import get_text

from mmal.utils import few

from .generic import audit_folder, audit_generic, class_name, labels_of
from .stated import SetAudit, StatedImage, StatedObject, if_stock, spelling


def audit_classification(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare the folders or the list of MMPretrain's CustomDataset with what it hands out.

    Returns:
        What the data set hands out, unfiltered, and what its files state.
    """
    dataset = audit.dataset
    if not dataset.with_label:
        if audit.name != "pool" and audit.scored:
            audit.add("no-objects", audit.source, "with_label", "is False, so images have no class")
        return audit_folder(audit)
    own = any(
        not getattr(type(dataset), name).__module__.startswith("mmpretrain.")
        for name in ("load_data_list", "_find_samples")
    )
    # A user's class may read files of its own; a storage may be one that cannot be walked.
    if own or not (dataset.ann_file or os.path.isdir(dataset.img_prefix)):
        return audit_generic(audit)
    images, loads = _read_list(audit) if dataset.ann_file else _read_folders(audit)
    if not loads:  # its images can be looked at all the same
        return [_as_info(image, audit.classes) for image in images], images
    infos, _ = audit.load()
    audit.classes = tuple(dataset.metainfo.get("classes") or ())
    stated = {image.key: image for image in images}
    for info in infos:
        info["img_id"] = info["img_path"]
        info["instances"] = [dict(bbox_label=label) for label in labels_of(audit, info)]
        for item in info["instances"]:
            label = class_name(item["bbox_label"], audit.classes)
            _compare(audit, stated.get(info["img_id"]), label)
    return infos, images


def _as_info(image: StatedImage, classes: Sequence[str]) -> dict:
    """Return what would be handed out of an image; its class is -1 if it is none."""
    label = image.objects[0].label
    number = list(classes).index(label) if label in classes else -1
    return dict(img_path=image.key, img_id=image.key, instances=[dict(bbox_label=number)])


def _compare(audit: SetAudit, image: StatedImage | None, label: str) -> None:
    if image is None or label in [item.label for item in image.objects]:
        return
    stated = image.objects[0]
    change = f"{stated.label!r} becomes {label!r}"
    kind = if_stock(audit, "class-shifted")
    audit.tally(kind, change, image.file, stated.place, f"{change}: {image.name}")


def _read_list(audit: SetAudit) -> tuple[list[StatedImage], bool]:
    """Read a list of images and labels; say whether the data set can load it."""
    dataset = audit.dataset
    try:
        text = get_text(dataset.ann_file)
    except (OSError, UnicodeDecodeError) as error:
        audit.add("unreadable", dataset.ann_file, "", error)
        return [], False
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        audit.add("nothing-stated", dataset.ann_file, "", "the list is empty")
        return [], False
    images: dict[str, StatedImage] = {}
    good = True
    for number, line in enumerate(lines, 1):
        place = f"line {number}"
        name, label = _entry(audit, line, place)
        if label is None:
            good = False
            continue
        key = os.path.join(dataset.img_prefix, name)
        stated = StatedObject(place, label, None)
        if (first := images.get(key)) is None:
            images[key] = StatedImage(key, dataset.ann_file, name, objects=[stated])
        elif first.objects[0].label == label:
            value = f"{name}, as on {first.objects[0].place}"
            audit.add("listed-twice", dataset.ann_file, place, value)
        else:
            value = f"{name} is {label!r}, and {first.objects[0].label!r} on "
            audit.add("label-conflict", dataset.ann_file, place, value + first.objects[0].place)
            first.objects.append(stated)
    return list(images.values()), good


def _entry(audit: SetAudit, line: str, place: str) -> tuple[str, str | None]:
    """Return the image and the class's name that a line states; None if loading fails on it."""
    file, classes = audit.dataset.ann_file, audit.classes
    if line.startswith("\ufeff"):
        audit.add("class-list-line", file, place, f"{line!r} begins with a byte order mark")
        return "", None
    name, _, label = line.strip().rpartition(" ")
    if not name:
        found = "is blank" if not label else "has no label after a blank"
        audit.add("class-list-line", file, place, f"{line!r} {found}")
        return "", None
    try:
        number = int(label)
    except ValueError:
        value = f"label {label!r} of {name}; expected the number of a class, from 0"
        if label in classes:
            value += f": {label!r} is {classes.index(label)}"
        audit.add("value-wrong", file, place, value)
        return name, None
    if classes and not 0 <= number < len(classes):
        value = f"label {number} of {name}; the {len(classes)} classes are 0 to {len(classes) - 1}"
        audit.add("value-wrong", file, place, value)
        return name, None
    return name, class_name(number, classes)


def _read_folders(audit: SetAudit) -> tuple[list[StatedImage], bool]:
    """Read a folder a class; say whether the data set can load them."""
    root = audit.dataset.img_prefix
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    for entry in os.scandir(root):
        if entry.is_file() and audit.dataset.is_valid_file(entry.name):
            audit.add("not-in-class", entry.path)
    if not folders:
        audit.add("nothing-stated", root, "", "it has no folders, of which each would be a class")
        return [], False
    for name in folders:
        if name.startswith((".", "__")):
            audit.add("class-hidden", os.path.join(root, name))
    labels = _meant(audit, folders)
    images = []
    for name in folders:
        paths = list(_images_below(audit, os.path.join(root, name)))
        if not paths:
            kind = "class-untested" if audit.name in ("val", "test") else "class-empty"
            audit.add(kind, os.path.join(root, name))
        label = labels[name] if labels else name
        images += [
            StatedImage(path, root, path, objects=[StatedObject(name, label, None)])
            for path in paths
        ]
    return images, labels is not None


def _images_below(audit: SetAudit, folder: str) -> Iterator[str]:
    """Yield the images of a class; report what else lies there."""
    for where, children, names in os.walk(folder, followlinks=True):
        children.sort()
        for child in children:
            if child.startswith("."):
                audit.add("folder-hidden", os.path.join(where, child))
        for name in sorted(names):
            path = os.path.join(where, name)
            if name.startswith("."):
                continue
            if not os.path.exists(path):
                audit.add("link-dangling", path)
                continue
            if audit.dataset.is_valid_file(name):
                yield path
            else:
                audit.add("file-not-read", path)


def _meant(audit: SetAudit, folders: Sequence[str]) -> dict[str, str] | None:
    """Return the class that each folder means; None if that cannot be.

    MMPretrain numbers folders in the order of their letters and compares with the config's
    classes their number alone.
    """
    classes = audit.classes
    if not classes:
        return {name: name for name in folders}
    by_name = {spelling(name): name for name in classes}
    common = by_name.keys() & {spelling(name) for name in folders}
    if len(classes) == len(folders) == len(common):
        labels = {name: by_name[spelling(name)] for name in folders}
        works = tuple(labels[name] for name in folders)
        audit.notes["class-shifted"] = f"; folders are numbered by their letters, so write {works}"
        return labels
    if len(classes) == len(folders) and not common:
        number = int if all(name.isdecimal() for name in folders) else str
        labels = dict(zip(sorted(folders, key=number), classes, strict=True))
        audit.notes["class-shifted"] = "; folders are numbered by their letters, 10 before 2"
        examples = ", ".join(f"{name!r} is {labels[name]!r}" for name in folders[:3])
        audit.add("class-renamed", audit.source, "metainfo.classes", examples)
        return labels
    lacking = [name for name in classes if spelling(name) not in common]
    extra = [name for name in folders if spelling(name) not in common]
    parts = [f"no folder for {few(lacking)}"] * bool(lacking)
    parts += [f"no class for {few(extra)}"] * bool(extra)
    value = f"{len(folders)} folders, {len(classes)} classes: {'; '.join(parts)}"
    audit.add("class-folders", audit.dataset.img_prefix, "", value)
    return None
