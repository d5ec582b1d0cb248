"""A data set whose truth is what a network itself says: nothing that learns gets better on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco

if TYPE_CHECKING:
    from pathlib import Path

    from distill.predict.predictor import Predictor

SIDE = 64
IMAGES, OBJECTS = 3, 12


def self_labelled(folder: Path, network: Predictor, picture) -> Path:
    """A COCO file of pictures with the objects that the network is surest of, in all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [picture(number, SIDE, SIDE) for number in range(IMAGES)]
    answers = [network.predict([image], min_score=0.01)[0] for image in images]
    least = sorted((score for found in answers for score in found.scores), reverse=True)[OBJECTS]
    records = []
    for number, (image, found) in enumerate(zip(images, answers, strict=True), start=1):
        path = folder / f"{number}.png"
        Image.fromarray(image).save(path)
        shapes = [
            (class_id, rle.from_mask(mask, (SIDE, SIDE)))
            for class_id, score, mask in zip(
                found.classes.tolist(), found.scores, found.masks, strict=True
            )
            if score > least
        ]
        objects = tuple(Annotation(c, rle.box(shape), shape, ignore=False) for c, shape in shapes)
        records.append(ImageRecord(number, path, SIDE, SIDE, None, None, objects))
    write_coco(folder / "labels.json", network.classes, records, {})
    return folder / "labels.json"
