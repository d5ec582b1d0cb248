"""Trial: whether an encoder in hardware does its work, found out by a process that may die.

A machine without the part that encodes may hang where one is asked for it by name. So a few
pictures of the very size go through it in a child process, and FFmpeg must see in what comes out
what went in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet

from agent.video.trial_process import LIMIT_S, tried_in_child
from agent.video.verdicts import Verdict

if TYPE_CHECKING:
    from agent.frames.encoded import Codec
    from agent.frames.frame import Plane

PICTURES = 3
_MOST_OFF = 8.0
"""Of 255, on average over the luma of smooth pictures. Chosen, not measured: any encoder keeps those,
and a green picture is off by 50 and more."""


def ramp(width: int, height: int, number: int) -> Plane:
    """Smooth luma, another for each number."""
    across = np.linspace(20, 200, width) + np.linspace(0, 30, height)[:, None]
    return (across - 5 * number).clip(16, 235).astype(np.uint8)


def encoder_tried(
    way: str, codec: Codec, size: tuple[int, int], *, interleaved: bool, limit_s: float = LIMIT_S
) -> Verdict:
    """Whether an encoder may encode pictures of this size.

    Args:
        way: the encoder, by its name.
        size: width, height in pixels, even.
        interleaved: NV12; else I420.
    """
    asked = {"codec": codec, "way": way, "size": size, "interleaved": interleaved}
    given = tried_in_child("agent.video.encoder_trial_child", [json.dumps(asked).encode()], limit_s)
    if isinstance(given, Verdict):
        return given
    shown = _decoded(codec, given)
    if len(shown) != PICTURES or any(luma.shape != size[::-1] for luma in shown):
        said = f"gives {len(shown)} pictures that can be decoded where {PICTURES} went in"
        return Verdict(said, is_grave=True)
    off = max(
        float(np.abs(luma.astype(np.int16) - ramp(*size, number)).mean())
        for number, luma in enumerate(shown)
    )
    if off > _MOST_OFF:
        return Verdict(f"gives other pictures, off by {off:.0f} of 255", is_grave=True)
    return Verdict()


def _decoded(codec: Codec, given: list[bytes]) -> list[Plane]:
    """The luma of each picture, of parameter sets and coded pictures."""
    context = CodecContext.create(codec, "r")
    sets, *pictures = given
    if pictures:
        pictures[0] = sets + pictures[0]
    shown: list[Plane] = []
    try:
        for packet in (*map(Packet, pictures), None):
            for picture in context.decode(packet):
                plane = picture.planes[0]
                rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
                shown.append(rows[: picture.height, : picture.width].copy())
    except FFmpegError:
        pass  # what was decoded until then is too little
    return shown
