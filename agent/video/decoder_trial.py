"""Trial: whether a decoder in hardware does its work, found out by a process that may die.

Drivers hang, crash and give green pictures where a decoder is there by name. So the first packets
of the stream itself, of its size and its kind, go through it in a child process; what comes out
must show what FFmpeg decodes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from agent.video.trial_process import LIMIT_S, tried_in_child
from agent.video.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.encoded import Codec
    from agent.frames.frame import Plane

_MOST_OFF = 2.0
"""Of 255, on average over the luma: both standards say every bit, and a converter of ten bits rounds.
Chosen, not measured: a green picture is off by 50 and more."""


def tried(
    way: str, codec: Codec, packets: Sequence[bytes], luma: Plane, limit_s: float = LIMIT_S
) -> Verdict:
    """Whether a decoder may decode a stream.

    Args:
        way: the decoder, by its name: `pyav-cuda`, or a chain of GStreamer's elements.
        packets: the stream's first, with start codes.
        luma: of the first picture that FFmpeg makes of them, 8 bits, as stored.
    """
    head = json.dumps({"codec": codec, "way": way}).encode()
    given = tried_in_child("agent.video.decoder_trial_child", (head, *packets), limit_s)
    return given if isinstance(given, Verdict) else _compared(given, luma)


def _compared(given: list[bytes], luma: Plane) -> Verdict:
    """Whether the picture that a child gave is FFmpeg's."""
    head, pixels = given
    width, height = json.loads(head)
    if (height, width) != luma.shape:
        own = f"{luma.shape[1]}x{luma.shape[0]}"
        said = f"gives pictures of {width}x{height} pixels, where FFmpeg's have {own}"
        return Verdict(said, is_grave=True)
    shown = np.frombuffer(pixels, np.uint8).reshape(height, width)
    off = float(np.abs(shown.astype(np.int16) - luma).mean())
    if off > _MOST_OFF:
        said = f"gives another picture than FFmpeg, off by {off:.0f} of 255"
        return Verdict(said, is_grave=True)
    return Verdict()
