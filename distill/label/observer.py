"""Observer: what a teacher sees in images, as far as a data set wants it."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image as PilImage

from distill.files import writing
from distill.label.detection import detections_of
from distill.label.tta import predict_flipped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.images import Image
    from distill.label.detection import Detection
    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

BATCH = 4
"""Images that the teacher sees at once; a kill costs no more of them. Chosen, not measured."""
_JPEG_QUALITY = 95


class Observer:
    """Asks a teacher as the settings say."""

    def __init__(self, teacher: Predictor, settings: Settings) -> None:
        self._teacher, self._settings = teacher, settings
        known = {name: number for number, name in enumerate(teacher.classes)}
        self._class_of = {known[name]: i for i, name in enumerate(settings.classes)}

    def detections(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        """Of each image, best score first."""
        floor = self._settings.floor
        if self._settings.tta == "flip":
            predictions = predict_flipped(self._teacher, list(images), min_score=floor)
        else:
            predictions = self._teacher.predict(list(images), min_score=floor)
        return [
            detections_of(found, self._class_of, (image.shape[0], image.shape[1]), floor)
            for image, found in zip(images, predictions, strict=True)
        ]


def write_jpeg(path: Path, image: Image) -> int:
    """Write an image to the disk; how many bytes it has.

    Raises:
        OutputError: it can't be written.
    """
    buffer = BytesIO()
    PilImage.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a kill leaves of it is written over when the same image is stored again.
        unseen = path.with_name(f".{path.name}")
        with unseen.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        unseen.replace(path)
    return buffer.getbuffer().nbytes
