"""YOLO-seg folders, read: images beside labels, polygons to masks."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from distill.data import rle as run_length
from distill.data.coco import CocoDataset
from distill.data.files_below import files_below
from distill.data.images import size_of
from distill.data.record import Annotation, ImageRecord
from distill.data.segmentation import EmptyError, UnusableError, as_whole
from distill.errors import InputError
from distill.files import reading, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
SPLITS = ("train", "val", "test")
IMAGES, LABELS = "images", "labels"
"""Folders of images, and of their labels."""
_BEYOND = 1.01
"""Rounding puts a corner this far outside its image; more, and it is not counted from 0 to 1."""


def read_yolo(path: Path, names: Sequence[str] = (), splits: Sequence[str] = SPLITS) -> CocoDataset:
    """Read a data.yaml, or a folder that holds `images` and `labels`.

    Args:
        path: the file or the folder.
        names: the classes by their number, where no data.yaml says them.
        splits: which of the data.yaml's.

    Raises:
        InputError: it can't be read, names no classes, or holds no images.
    """
    problems: list[str] = []
    if path.is_dir():
        found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
        if len(found) == 1 and not names:
            path = found[0]
    if path.is_dir():
        images = _images_below(path / IMAGES if (path / IMAGES).is_dir() else path)
    else:
        settings = _settings(path)
        names = names or _names(settings, path)
        images = []
        for split in splits:
            try:
                images += _images_of(settings, split, path)
            except InputError as error:
                if split != "test" or len(splits) == 1:
                    raise
                problems.append(f"{error}; it is left out")  # Roboflow names one that it lacks
    if not names:
        raise InputError(
            f"{path} holds no data.yaml, so its classes have no names; say them with --names"
        )
    by_place: dict[str, Path] = {}
    for image in images:
        by_place.setdefault(os.path.normpath(image.absolute()), image)
    images = list(by_place.values())
    if not images:
        raise InputError(f"{path} leads to no images; its folders should hold JPEG or PNG files")
    records: list[ImageRecord] = []
    for image in images:
        try:
            width, height = size_of(image)
        except InputError as error:
            problems.append(f"{error}; it is left out with its objects")
            continue
        try:
            objects = _objects(_label_path(image), (height, width), len(names), problems)
        except UnusableError as reason:
            problems.append(f"{reason}; its image is left out")
            continue
        records.append(
            ImageRecord(len(records) + 1, image, width, height, None, None, tuple(objects))
        )
    if not records:
        raise InputError(f"{path}: none of its images can be used; the first: {problems[0]}")
    if not any(map(os.path.isfile, map(_label_path, images))):
        raise InputError(
            f"{path}: no image has a file of labels; that of the first would be "
            f"{_label_path(images[0])}"
        )
    return CocoDataset(tuple(names), tuple(records), tuple(problems))


def _settings(path: Path) -> dict[str, Any]:
    try:
        with reading(path):
            settings = yaml.safe_load(text_of(path.read_bytes()))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(settings, dict) or not {"train", "val"} & settings.keys():
        raise InputError(f"{path} is no YOLO data set: it says neither train nor val")
    return settings


def _names(settings: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = settings.get("names")
    if isinstance(names, dict):
        names = {as_whole(number): name for number, name in names.items()}
        if names.keys() == set(range(len(names))):
            names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(type(name) in (str, int, float) for name in names):
        raise InputError(f"{path}: names is neither a list nor numbered from 0")
    return tuple(map(str, names))


def _images_of(settings: dict[str, Any], split: str, path: Path) -> Iterable[Path]:
    """The images of a split: folders, and text files that list images."""
    entries = settings.get(split) or []
    root = path.parent / str(settings.get("path") or "")
    if not root.is_dir():  # Ultralytics would look in its own folder of data sets
        root = path.parent
    for entry in [entries] if isinstance(entries, str) else entries:
        found = _place(root, str(entry))
        if found.is_dir():
            yield from _images_below(found)
        elif found.suffix == ".txt" and found.is_file():
            for line in _lines(found):
                if line.strip():
                    yield _place(found.parent, line.strip())
        else:
            raise InputError(f"{path}: {split} is {found}, which is not there")


def _place(root: Path, entry: str) -> Path:
    """Where an entry leads to, seen from here.

    Roboflow names folders as from one further down; others, as they are called elsewhere.
    """
    found = root / entry
    if found.exists():
        return found
    plain = PurePosixPath(entry.replace("\\", "/"))
    parts = [part for part in plain.parts if part not in ("..", "/") and not part.endswith(":")]
    elsewhere = len(parts) < len(plain.parts)
    # Of a path elsewhere, the last two folders tell train/images from val/images.
    for start in range(max(1, len(parts) - 1) if elsewhere else 1):
        below = root.joinpath(*parts[start:])
        if below.exists():
            return below
    return found


def _lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        InputError: it can't be read, or is no text.
    """
    try:
        with reading(path):
            return text_of(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8; write it again") from error


def _images_below(folder: Path) -> list[Path]:
    return files_below(folder, SUFFIXES)


def _label_path(image: Path) -> Path:
    """Where YOLO looks for an image's labels: `labels` in place of the last `images`."""
    parts = list(image.parts)
    if IMAGES in parts:
        parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
    return type(image)(*parts).with_suffix(".txt")


def _objects(
    path: Path, size: tuple[int, int], classes: int, problems: list[str]
) -> list[Annotation]:
    """The objects of a label file; none where there is no file, as YOLO has it.

    Raises:
        UnusableError: something is there, and can't be read: it would be background.
    """
    try:
        lines = text_of(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableError(f"{path} can't be read ({error})") from error
    objects = []
    before: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if line in before:
            problems.append(f"{path}: line {number} repeats one before it; it is left out")
            continue
        before.add(line)
        try:
            objects.append(_object(line.split(), size, classes))
        except EmptyError as reason:
            problems.append(f"{path}: line {number} {reason}; it is left out")
        except UnusableError as reason:
            raise UnusableError(f"{path}: line {number} {reason}") from reason
    return objects


def _object(words: list[str], size: tuple[int, int], classes: int) -> Annotation:
    height, width = size
    try:
        class_id, *values = map(float, words)
    except ValueError:
        raise UnusableError("is not a class number and corners") from None
    if not class_id.is_integer():
        raise UnusableError("has a class that is no whole number")
    if not 0 <= class_id < classes:
        raise UnusableError(f"has class {class_id:.0f}, but there are names for {classes}")
    if not all(1 - _BEYOND <= value <= _BEYOND for value in values):
        raise UnusableError("has corners that are not counted from 0 to 1")
    boxed = len(values) == 4
    if boxed:
        x, y, w, h = values
        left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
        values = [left, top, right, top, right, bottom, left, bottom]
    if len(values) < 6 or len(values) % 2:
        raise UnusableError("has no polygon of three corners or more")
    polygon = [value * (height if i % 2 else width) for i, value in enumerate(values)]
    rle = run_length.from_polygons([polygon], size)
    if not run_length.area(rle):
        raise EmptyError("has a polygon without area")
    # A box says that something is there, but not where its edge is.
    return Annotation(int(class_id), run_length.box(rle), rle, ignore=boxed)
