"""Sequences of DAVIS-2016: frames, and one object's true mask in each."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Pixels = npt.NDArray[np.bool_]
"""Which pixels of a frame, bool [h, w]."""

_RATE = 24


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence, and which class of COCO its object is.

    Attributes:
        alone: nothing else of the class is in the picture, so that what is hidden beside the
            object is too much.
        also: another class that the object, a rider with what is ridden, is part of.
        aside: nothing was tuned on it, so that it tells what to expect elsewhere. Cows and
            car-shadow were, for version 0.1; what has changed since was tuned on the others.
    """

    name: str
    label: str
    alone: bool = False
    also: str = ""
    aside: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """What to hide."""
        return (self.label, self.also) if self.also else (self.label,)

    def truth(self, folder: Path) -> list[Pixels]:
        """The object's pixels, frame by frame."""
        paths = sorted((folder / self.name / "masks").glob("*.png"))
        return [_read(path, cv2.IMREAD_GRAYSCALE) > 127 for path in paths]

    def write_clip(self, folder: Path, clip: Path) -> None:
        """The frames as a video that the codec has hardly touched: the same bytes each time.

        Threads that look ahead decide by what the others have done so far, and a pixel that is off
        by one turns a sheep into a dog.
        """
        paths = sorted((folder / self.name / "frames").glob("*.jpg"))
        with av.open(str(clip), "w") as container:
            stream = container.add_stream(
                "libx264",
                rate=_RATE,
                options={"crf": "1", "preset": "veryfast", "threads": "1", "rc-lookahead": "0"},
            )
            stream.pix_fmt = "yuv420p"
            for index, path in enumerate(paths):
                picture = av.VideoFrame.from_ndarray(_read(path, cv2.IMREAD_COLOR), "bgr24")
                if index == 0:
                    stream.width, stream.height = picture.width, picture.height
                picture.pts, picture.time_base = index, Fraction(1, _RATE)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))


SEQUENCES = (
    Sequence("parkour", "person", alone=True),
    Sequence("breakdance", "person"),
    Sequence("car-roundabout", "car"),
    Sequence("dog", "dog", alone=True),
    Sequence("bmx-trees", "person", also="bicycle"),
    Sequence("libby", "dog", alone=True),
    Sequence("cows", "cow", alone=True, aside=True),
    Sequence("car-shadow", "car", alone=True, aside=True),
    Sequence("blackswan", "bird", alone=True, aside=True),
    Sequence("drift-straight", "car", aside=True),
    Sequence("scooter-black", "person", also="motorcycle", aside=True),
)


def pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """A video's frames as RGB, uint8 [h, w, 3]."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _read(path: Path, flags: int) -> npt.NDArray[np.uint8]:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise SystemExit(f"{path}: no image that OpenCV can read")
    return np.asarray(image, np.uint8)
