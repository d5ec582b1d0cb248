"""What a picture hides, for the labels that a page draws over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.live.wire import Objects, Seen

if TYPE_CHECKING:
    from agent.frames.cover import Cover, PlacedOutline
    from agent.frames.redacted import RedactedFrame
    from models.outline import Bounds


def objects_of(frame: RedactedFrame, cover: Cover, number: int) -> Objects:
    """Told behind the picture itself.

    Args:
        number: of the client's frame that it shows; 0 for none.
    """
    width, height = frame.size
    seen = [] if frame.whole is not None else list(_seen(cover.outlines, width, height))
    pts_us = round(frame.pts * frame.time_base * 1_000_000)
    return Objects(pts_us=pts_us, number=number, objects=seen, whole=frame.whole)


def _seen(outlines: tuple[PlacedOutline, ...], width: int, height: int) -> list[Seen]:
    """A box around all outlines of each object, in the order of their first ones."""
    boxes: dict[int, tuple[str, Bounds]] = {}
    for outline in outlines:
        parts = outline.bounds / (width, height, width, height)
        if np.isfinite(parts).all():
            label, box = boxes.get(outline.track, (outline.label, parts))
            around = np.minimum(box[:2], parts[:2]), np.maximum(box[2:], parts[2:])
            boxes[outline.track] = label, np.concatenate(around)
    found = []
    for track, (label, box) in boxes.items():
        left, top, right, bottom = np.clip(box, 0.0, 1.0).round(4).tolist()
        found.append(Seen(track=track, label=label, box=(left, top, right, bottom)))
    return found
