"""Turn: how a decoded picture has to be turned and mirrored before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer
    from av.video.frame import VideoFrame

    from agent.frames.frame import Plane, Planes

Turn = tuple[bool, "int | None"]
"""Transpose first?  Then cv2.flip's code: 0 upside down, 1 left to right, -1 both, None neither."""

# The linear part (a, b, c, d) of a display matrix, where x' = a*x + c*y and y' = b*x + d*y.
_TURNS: dict[tuple[int, int, int, int], Turn | None] = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): (True, 1),  # a quarter clockwise: a phone held upright
    (-1, 0, 0, -1): (False, -1),
    (0, -1, 1, 0): (True, 0),
    (-1, 0, 0, 1): (False, 1),
    (1, 0, 0, -1): (False, 0),
    (0, 1, 1, 0): (True, None),
    (0, -1, -1, 0): (True, -1),
}
# By libav's angle, which is counter-clockwise and knows no mirrors.
_ROTATIONS: dict[int, Turn] = {
    -90: (True, 1),
    90: (True, 0),
    -180: (False, -1),
    180: (False, -1),
}


def turn_of(frame: VideoFrame) -> Turn | None:
    """What brings `frame` upright, from its display matrix; None where it is, or at odd angles.

    Looking at side data ties `frame` into a reference cycle, so do it once a stream, and again
    only where `frame.rotation` changes: pictures must not wait for the garbage collector.
    """
    try:
        matrix = cast("SideDataContainer", frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return None
    except ValueError:  # some other side data is of a kind that this PyAV has no name for
        return _ROTATIONS.get(frame.rotation)
    a, b, _, c, d = np.frombuffer(memoryview(matrix), np.int32, 5).tolist()
    return _TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)))


def _sign(value: int) -> int:
    """-1, 0 or 1, from 16.16 fixed point."""
    return (value > 1 << 15) - (value < -1 << 15)


def upright(planes: Planes, turn: Turn | None) -> Planes:
    """The planes turned and mirrored as the display matrix asks."""
    if turn is None:
        return planes
    transpose, flip = turn
    return tuple(_turned(plane, transpose, flip) for plane in planes)


def _turned(plane: Plane, transpose: bool, flip: int | None) -> Plane:
    if transpose:
        plane = np.asarray(cv2.transpose(plane), np.uint8)
    return plane if flip is None else np.asarray(cv2.flip(plane, flip), np.uint8)
