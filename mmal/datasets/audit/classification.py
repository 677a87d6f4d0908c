"""Classes of images: a folder a class, or a list of images with their labels."""

import os
from collections.abc import Iterator, Sequence

from mmengine.fileio import get_text

from .generic import audit_folder, audit_generic, class_name, labels_of
from .stated import SetAudit, StatedImage, StatedObject, if_stock


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
    images = _read_list(audit) if dataset.ann_file else _read_folders(audit)
    if images is None:
        return [], []
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


def _compare(audit: SetAudit, image: StatedImage | None, label: str) -> None:
    if image is None or label in [item.label for item in image.objects]:
        return
    stated = image.objects[0]
    change = f"{stated.label!r} becomes {label!r}"
    kind = if_stock(audit, "class-shifted")
    audit.tally(kind, change, image.file, stated.place, f"{change}: {image.name}")


def _read_list(audit: SetAudit) -> list[StatedImage] | None:
    """Read a list of images and labels; None if the data set would stumble over it."""
    dataset = audit.dataset
    try:
        text = get_text(dataset.ann_file)
    except (OSError, UnicodeDecodeError) as error:
        audit.add("unreadable", dataset.ann_file, "", error)
        return None
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        audit.add("nothing-stated", dataset.ann_file, "", "the list is empty")
        return None
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
    return list(images.values()) if good else None


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


def _read_folders(audit: SetAudit) -> list[StatedImage] | None:
    """Read a folder a class; None if its folders are not the config's classes."""
    root = audit.dataset.img_prefix
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    for entry in os.scandir(root):
        if entry.is_file() and audit.dataset.is_valid_file(entry.name):
            audit.add("not-in-class", entry.path)
    if not folders:
        audit.add("nothing-stated", root, "", "it has no folders, of which each would be a class")
        return None
    for name in folders:
        if name.startswith((".", "__")):
            audit.add("class-hidden", os.path.join(root, name))
    if not _are_classes(audit, folders):
        return None
    images = []
    for place, name in enumerate(folders):
        label = audit.classes[place] if audit.classes else name
        paths = list(_images_below(audit, os.path.join(root, name)))
        if not paths:
            audit.add("class-empty", os.path.join(root, name))
        images += [
            StatedImage(path, root, path, objects=[StatedObject(name, label, None)])
            for path in paths
        ]
    return images


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
            if audit.dataset.is_valid_file(name):
                yield path
            else:
                audit.add("file-not-read", path)


def _are_classes(audit: SetAudit, folders: Sequence[str]) -> bool:
    """Compare the folders with the config's classes: MMPretrain compares their number alone."""
    classes = audit.classes
    if not classes:
        return True
    plain = [_plain(name) for name in classes], [_plain(name) for name in folders]
    if plain[0] == plain[1]:
        return True
    common = set(plain[0]) & set(plain[1])
    if all(name.isdecimal() for name in folders) and folders != sorted(folders, key=int):
        value = f"folders are numbered in the order of letters: {', '.join(folders[:4])}, …"
        audit.add("class-shifted", audit.dataset.img_prefix, "", value)
        return False
    if len(classes) == len(folders) and not common:
        examples = ", ".join(f"{f!r} is {c!r}" for f, c in zip(folders[:3], classes, strict=False))
        audit.add("class-renamed", audit.source, "metainfo.classes", examples)
        return True
    if len(classes) == len(folders) == len(common):
        for folder, name in zip(folders, classes, strict=True):
            if _plain(folder) != _plain(name):
                change = f"{folder!r} becomes {name!r}"
                value = f"folders are numbered in sorted order: {change}"
                audit.tally("class-shifted", change, audit.source, "metainfo.classes", value)
        return False
    lacking = [name for name in classes if _plain(name) not in common]
    extra = [name for name in folders if _plain(name) not in common]
    parts = [f"no folder for {_few(lacking)}"] * bool(lacking)
    parts += [f"no class for {_few(extra)}"] * bool(extra)
    value = f"{len(folders)} folders, {len(classes)} classes: {'; '.join(parts)}"
    audit.add("class-folders", audit.dataset.img_prefix, "", value)
    return False


def _plain(name: str) -> str:
    return name.strip().casefold()


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" * (len(names) > 3))
