"""Frames: the pictures that become a bundle's golden frames, and so travel to every device.

Of real footage they show bystanders and places. So they are rendered, or all of them but the
labelled objects is dissolved, or a person has looked at them and said so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from distill.data import rle as run_length
from distill.data.coco import CocoDataset
from distill.data.scene_log import is_rendered
from distill.data.scenes import CLASSES, render_scene
from distill.errors import InputError, UsageError
from models.preprocess import Letterbox

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from distill.data.images import Image
    from distill.data.record import ImageRecord
    from models.input_spec import InputSpec

_CELLS = 12
"""Along the longer side of what is left of a background: as many as an effect of the device leaves
along one object."""

_SEED, _SIZE = 20, (640, 480)
"""Of rendered frames; any others would do."""


def labelled_frames(
    path: Path,
    images: Path | None,
    count: int,
    spec: InputSpec,
    *,
    shows_nobody: bool,
    problems: list[str],
) -> list[Image]:
    """A few images with objects, as they are, evenly over the data set.

    Args:
        path: a COCO JSON file.
        images: the folder of its images; by default that of `path`.
        count: how many; fewer where it has fewer.
        spec: images larger than the network sees them are made as small as that: the bundle is
            smaller, and the frames contain nothing that the network can't see.
        shows_nobody: whether a person has looked at them and says so; without, they have to be
            of `sfumato-distill synth`.
        problems: grows by a line for each image that can't be read; another stands in for it.

    Raises:
        InputError: a file can't be read, or no image has an object.
        UsageError: an image was not rendered, and nobody has said that it may travel.
    """
    dataset = CocoDataset.read(path, images)
    chosen = _chosen(dataset, dataset.classes, path, count, problems)
    real = [record for record, _ in chosen if not (shows_nobody or is_rendered(record.path))]
    if real:
        raise UsageError(
            f"golden frames travel to every device as they are, and {real[0].path} is no rendered "
            "picture; --redact-background dissolves all but the labelled objects, --render-golden "
            "(instead of --golden) renders others, --golden-shows-nobody says that you have looked"
        )
    return [_shrunk(image, spec) for _, image in chosen]


def redacted_frames(
    path: Path,
    images: Path | None,
    count: int,
    spec: InputSpec,
    classes: Collection[str],
    *,
    problems: list[str],
) -> list[Image]:
    """The same, but all that is no labelled object of these classes is dissolved.

    Args:
        path: a COCO JSON file.
        images: the folder of its images; by default that of `path`.
        count: how many; fewer where it has fewer.
        spec: see `labelled_frames`.
        classes: of the network; objects of others are background.
        problems: see `labelled_frames`.

    Raises:
        InputError: a file can't be read, or no image has an object of these classes.
    """
    dataset = CocoDataset.read(path, images)
    frames = []
    for record, image in _chosen(dataset, classes, path, count, problems):
        kept = np.zeros((record.height, record.width), np.uint8)
        hidden = kept.copy()
        for annotation in record.annotations:
            shown = not annotation.ignore and dataset.classes[annotation.class_id] in classes
            where = kept if shown else hidden
            where |= run_length.decode(annotation.rle)
        frames.append(_shrunk(_dissolved(image, kept & (1 - hidden)), spec))
    return frames


def rendered_frames(count: int, spec: InputSpec, classes: Collection[str]) -> list[Image]:
    """Procedural scenes, each with an object of these classes.

    Args:
        count: how many.
        spec: see `labelled_frames`.
        classes: of the network.

    Raises:
        UsageError: nothing of these classes can be rendered.
    """
    known = {CLASSES.index(name) for name in classes if name in CLASSES}
    if not known:
        raise UsageError(
            f"--render-golden renders {', '.join(CLASSES)}, of which the student knows none; give "
            "--golden"
        )
    scenes = _scenes(known)
    return [_shrunk(next(scenes), spec) for _ in range(count)]


def _chosen(
    dataset: CocoDataset, classes: Collection[str], path: Path, count: int, problems: list[str]
) -> list[tuple[ImageRecord, Image]]:
    """Images with objects, evenly over those that can be read."""
    wanted = {number for number, name in enumerate(dataset.classes) if name in classes}
    labelled = [
        record
        for record in dataset.images
        if any(one.class_id in wanted and not one.ignore for one in record.annotations)
    ]
    if not labelled:
        raise InputError(
            f"{path} has no image with a labelled object of the student's classes; golden frames "
            "need some"
        )
    while True:  # until all that are chosen can be read
        many = min(count, len(labelled))
        records = [labelled[(2 * i + 1) * len(labelled) // (2 * many)] for i in range(many)]
        chosen = []
        for record in records:
            try:
                chosen.append((record, record.read()))
            except InputError as error:
                problems.append(str(error))
                labelled.remove(record)
        if len(chosen) == len(records) > 0:
            return chosen
        if not labelled:
            raise InputError(
                f"none of the {len(problems)} images with objects of {path} can be read; the "
                f"first: {problems[0]}"
            )


def _scenes(known: Collection[int]) -> Iterator[Image]:
    index = 0
    while True:
        rendered = render_scene(_SEED, "a", index, _SIZE)
        if any(instance.class_id in known for instance in rendered.instances):
            yield rendered.image
        index += 1


def _dissolved(image: Image, kept: Image) -> Image:
    """The image where `kept` is 1; elsewhere what a dozen cells leave of it."""
    height, width = image.shape[:2]
    scale = _CELLS / max(height, width)
    cells = (max(1, round(width * scale)), max(1, round(height * scale)))
    few = cv2.resize(image, cells, interpolation=cv2.INTER_AREA)
    background = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(kept[..., None] > 0, image, background).astype(np.uint8)


def _shrunk(image: Image, spec: InputSpec) -> Image:
    height, width = image.shape[:2]
    inner = Letterbox.fit((width, height), spec).inner
    if inner[0] >= width:
        return image
    return np.asarray(cv2.resize(image, inner, interpolation=cv2.INTER_AREA), np.uint8)
