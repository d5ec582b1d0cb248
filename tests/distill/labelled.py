"""A small labelled data set on the disk, as the labeller writes it: two clips, split by clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("bottle", "cup")
SIZE = (90, 120)
"""Height, width."""


def ellipse(x, y, a, b, angle=0):
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (x, y), (a, b), angle, 0, 360, 1, -1)
    return mask


def annotation(mask, class_id=0, band="accept", score=0.9, track_id=None):
    packed = rle.encode(mask)
    return Annotation(class_id, rle.box(packed), packed, band != "accept", score, track_id, band)


def two_parts():
    """A bottle behind a post."""
    mask = ellipse(40, 45, 25, 12)
    mask[:, 38:42] = 0
    return mask


def with_hole():
    """A cup's handle."""
    return ellipse(85, 30, 15, 15) & (1 - ellipse(85, 30, 6, 6))


def data_set(folder: Path, *, split: bool = True) -> Path:
    """annotations.json, and train.json and val.json; frames of one name in both clips."""
    frames = {
        ("street", 0): [annotation(two_parts(), track_id=1), annotation(with_hole(), 1)],
        ("street", 2): [annotation(ellipse(70, 60, 9, 20, 30), band="review", score=0.4)],
        ("yard", 0): [
            annotation(ellipse(20, 20, 8, 8), track_id=4),
            annotation(ellipse(90, 70, 12, 9), 1, band="ignore", score=0.2),
        ],
        ("yard", 2): [],
    }
    records = []
    rng = np.random.default_rng(0)
    for number, ((clip, frame), objects) in enumerate(frames.items(), start=1):
        path = folder / "images" / clip / f"{frame:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)).save(path)
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], clip, frame, tuple(objects)))
    write_coco(folder / "annotations.json", CLASSES, records, {"teacher": "test"})
    if split:
        write_coco(folder / "train.json", CLASSES, records[:2], {"teacher": "test"})
        write_coco(folder / "val.json", CLASSES, records[2:], {"teacher": "test"})
    return folder / "annotations.json"
