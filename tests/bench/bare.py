"""Bare frames: where a redacted video shows more of an object than another one does.

No labels are needed: objects are what the network itself sees in each frame, at its full precision
and size. Both videos hide by painting in magenta, and the pixels of the outputs are judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.hidden import hidden_classes
from agent.settings import BlurSettings
from models.masks import pasted
from tests.bench.covered import CONF, magenta
from tests.bench.davis import pictures
from tests.bench.detections import look
from tests.bench.score import LEAKING

if TYPE_CHECKING:
    from pathlib import Path

    from models.bundle import Bundle
    from models.instances import Instances
    from tests.bench.davis import Pixels


@dataclass(frozen=True, slots=True)
class Shown:
    """How much of the objects a video shows.

    Attributes:
        leaks: share of their pixels that shows, of each frame that has any.
    """

    leaks: tuple[float, ...]

    @property
    def leak(self) -> float:
        """Mean over frames."""
        return float(np.mean(self.leaks))

    def barer_than(self, other: Shown) -> float:
        """The share of frames that show more than the other's: by `LEAKING` of an object."""
        more = np.subtract(self.leaks, other.leaks) > LEAKING
        return float(more.mean())


class People:
    """Where people are in a clip, frame by frame, as a network sees them that looks at each.

    Args:
        store: keeps what it saw, as `tests.bench.detections.look` has it.
    """

    def __init__(self, clip: Path, bundle: Bundle, store: Path) -> None:
        settings = BlurSettings(classes=("person",), conf=CONF)
        self._person = next(iter(hidden_classes(bundle, settings).labels))
        self._seen = look(clip, bundle, settings, store).seen

    def shown_by(self, video: Path) -> Shown:
        """How much of them a redacted video of the clip shows."""
        leaks = []
        for picture, seen in zip(pictures(video), self._seen, strict=True):
            where = self._of(seen, picture.shape[:2])
            if where.any():
                leaks.append(float((where & ~magenta(picture)).sum() / where.sum()))
        return Shown(tuple(leaks))

    def _of(self, seen: Instances, shape: tuple[int, int]) -> Pixels:
        where = np.zeros(shape, np.bool_)
        for i in np.flatnonzero((seen.scores >= CONF) & (seen.classes == self._person)):
            where |= pasted((seen.masks or ())[i], shape[::-1])
        return where
