"""Faces of real pictures, and rendered plates, for attacks on what effects leave of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.attacks import Box, Image, Scene

_MIN_SCORE = 0.6
_VIDEOS = {
    "05_default_juggle": 25,
    "01_dog": 25,
    "bedroom": 15,
    "one-by-one-person-detection": 10,
    "night-crowd-1080p": 4,
    "motorbike-road": 25,
}
"""Every so many frames of them are looked at."""
_DAVIS_EVERY = 10
_PLATES = 60


class FaceFinder:
    """YuNet, an independent judge."""

    def __init__(self, data: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(
            str(data / "weights" / "yunet-face.onnx"), "", (320, 320), _MIN_SCORE
        )

    def boxes(self, picture: Image) -> list[Box]:
        """Every face in a picture, BGR."""
        self._net.setInputSize(picture.shape[1::-1])
        found = self._net.detect(picture)[1]
        return [] if found is None else [tuple(face[:4].tolist()) for face in found]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture and the faces in it; `still` where no other shows the same people."""

    picture: Image
    faces: list[Box]
    still: bool


def portraits(data: Path, finder: FaceFinder) -> Iterator[Portrait]:
    """Every picture of the data that shows a face."""
    for picture, still in _pictures(data):
        if faces := finder.boxes(picture):
            yield Portrait(picture, faces, still)


def _pictures(data: Path) -> Iterator[tuple[Image, bool]]:
    for folder in (data / "images", data / "coco128-seg" / "images"):
        for path in sorted(folder.rglob("*.jpg")):
            yield np.asarray(cv2.imread(str(path)), np.uint8), True
    for name, every in _VIDEOS.items():
        with av.open(str(data / "videos" / f"{name}.mp4")) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % every == 0:
                    yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), False
    for folder in sorted((data / "davis").iterdir()):
        for path in sorted((folder / "frames").glob("*.jpg"))[::_DAVIS_EVERY]:
            yield np.asarray(cv2.imread(str(path)), np.uint8), False


def neighbourhood(picture: Image, box: Box) -> Scene:
    """What of a picture lies no further from a box than its longer side."""
    x, y, width, height = box
    far = max(width, height)
    left, top = (max(0, int(edge - far)) for edge in (x, y))
    near = picture[top : int(y + height + far), left : int(x + width + far)].copy()
    return near, (x - left, y - top, width, height)


def scaled_to(scene: Scene, longer_px: int) -> Scene:
    """The same, so large that the longer side of the box has so many pixels."""
    picture, box = scene
    share = longer_px / max(box[2:])
    how = cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(picture, None, fx=share, fy=share, interpolation=how)
    x, y, width, height = (value * share for value in box)
    return np.asarray(resized, np.uint8), (x, y, width, height)


def plates() -> list[Scene]:
    """Plates of one kind that differ in their seven signs, 520 by 110 as in the EU."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(_PLATES):
        letters = "".join(random.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ"), 3))
        text = f"{letters} {random.integers(0, 10_000):04d}"
        plate = np.full((330, 740, 3), 90, np.uint8)
        cv2.rectangle(plate, (110, 110), (629, 219), (235, 235, 235), -1)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 3, 8)
        corner = 370 - width // 2, 165 + height // 2
        cv2.putText(plate, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 3, (20,) * 3, 8, cv2.LINE_AA)
        found.append((plate, (110.0, 110.0, 520.0, 110.0)))
    return found
