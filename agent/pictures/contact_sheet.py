"""ContactSheet: a dozen redacted frames on one page, with outlines and track numbers.

It takes `RedactedFrame` and nothing else unless it was told so when made, so a page can't show
what the video does not. Which frames are shown is decided while they pass and their number is
unknown: every frame is kept until there are too many, then every second of them is dropped, and
only every second kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.errors import OutputError
from agent.frames.annotated import AnnotatedFrame
from agent.frames.redacted import RedactedFrame
from agent.pictures.contact_page import COLUMNS, contact_page
from agent.pictures.tile import tile_of

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.cover import Cover
    from agent.pictures.tile import Tile
    from agent.run_report import RunReport

ROWS = 3
MAX_KEPT = 24


class ContactSheet:
    """Collects small frames while frames pass, and draws them when all have.

    Args:
        pixel_aspect: width of a pixel over its height.
        annotated: show the annotated frames of a video that is not redacted, and no others.
    """

    def __init__(self, pixel_aspect: Fraction, *, annotated: bool = False) -> None:
        self._takes = AnnotatedFrame if annotated else RedactedFrame
        self._pixel_aspect = float(pixel_aspect)
        self._stride = 1
        self._passed = 0
        self._began_s: float | None = None
        self._kept: list[Tile] = []

    def add(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:
        """Look at the next frame; most are let go for nothing.

        Raises:
            TypeError: a frame to keep is not of the type that the page was made for.
        """
        number = self._passed
        self._passed += 1
        if number % self._stride:
            return
        if len(self._kept) == MAX_KEPT:
            del self._kept[1::2]
            self._stride *= 2
            if number % self._stride:
                return
        if not isinstance(frame, self._takes):
            raise TypeError(f"this page takes {self._takes.__name__}, not {type(frame).__name__}")
        time_s = float(frame.pts * frame.time_base)
        if self._began_s is None:
            self._began_s = time_s
        self._kept.append(tile_of(number, time_s - self._began_s, frame, cover, self._pixel_aspect))

    def draw(self, report: RunReport) -> bytes:
        """A PNG of the page.

        Raises:
            OutputError: it can't be encoded.
        """
        count = min(len(self._kept), COLUMNS * ROWS)
        places = np.linspace(0, len(self._kept) - 1, count).round().astype(int).tolist()
        page = contact_page([self._kept[place] for place in places], report)
        encoded, data = cv2.imencode(".png", page[..., ::-1])
        if not encoded:
            raise OutputError("the contact sheet can't be encoded")
        return data.tobytes()
