"""Whether a person is known again within one video by what a cover leaves of the clothes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.blur import Watcher, blur
from agent.redact.effect import MIN_BLUR_PX
from agent.redact.patch import patches_of
from agent.settings import BlurSettings

if TYPE_CHECKING:
    import numpy.typing as npt

    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame
    from models.bundle import Bundle

    Colours = npt.NDArray[np.float32]

_APART = 3
"""An object is looked at in the first and in the last third of the time that it is hidden."""


class Onlooker(Watcher):
    """Keeps the colours that show where each object is hidden, frame by frame."""

    def __init__(self) -> None:
        self.colours: defaultdict[int, list[Colours]] = defaultdict(list)

    def wrote(self, frame: RedactedFrame, cover: Cover) -> None:
        """Look at every outline of a frame that is not covered whole."""
        if frame.whole is not None:
            return
        luma, *chroma = frame.planes
        halved = cv2.resize(luma, chroma[0].shape[::-1], interpolation=cv2.INTER_AREA)
        picture = np.dstack([halved, *chroma])
        for outline, patch in patches_of(cover, frame.size):
            if max(patch.pixels.shape) < MIN_BLUR_PX:
                continue
            mask = np.zeros(luma.shape, np.uint8)
            height, width = patch.pixels.shape
            mask[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
            self.colours[outline.track].append(_histogram(picture, mask))


def _histogram(picture: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8]) -> Colours:
    small = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    small = cv2.erode(small, None, iterations=2)  # or the background at its edge would tell
    bins = cv2.calcHist([picture], [0, 1, 2], small, [8, 16, 16], [0, 256] * 3)
    return np.asarray(np.sqrt(bins / max(bins.sum(), 1)), np.float32).ravel()


def relinked(clip: Path, bundle: Bundle, effect: str, least_frames: int) -> tuple[int, int]:
    """How many people of a clip are picked out by their colours, and of how many.

    Args:
        least_frames: people who are hidden for less are left out.
    """
    onlooker = Onlooker()
    settings = BlurSettings(classes=("person",), effect=effect)
    with TemporaryDirectory() as folder:
        blur(clip, Path(folder) / "out.mp4", bundle, settings, watcher=onlooker)
    seen = [each for each in onlooker.colours.values() if len(each) >= least_frames]
    early = np.array([np.mean(each[: len(each) // _APART], axis=0) for each in seen])
    late = np.array([np.mean(each[-(len(each) // _APART) :], axis=0) for each in seen])
    # Where all look alike, none is picked out: a tie is no hit but one in as many as are alike.
    likeness = (late @ early.T).round(4)
    best = likeness == likeness.max(axis=1, keepdims=True)
    return float((np.diagonal(best) / best.sum(axis=1)).sum()), len(seen)
