"""A coded picture's parameter sets, told from the picture."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.encoded import Codec

_START = re.compile(rb"\x00\x00\x01")
# ITU-T H.264, table 7-1, and H.265, table 7-1: the sets of parameters, and what only says where an
# access unit begins or ends.
_SETS = {"h264": (7, 8), "hevc": (32, 33, 34)}
_DELIMITERS = {"h264": (9, 12), "hevc": (35, 38)}


def divided(data: bytes, codec: Codec) -> tuple[bytes, bytes]:
    """Parameter sets, and what is coded with them, both with start codes; delimiters are left out."""
    starts = [found.end() for found in _START.finditer(data)]
    sets: list[bytes] = []
    rest: list[bytes] = []
    for start, following in zip_longest(starts, starts[1:]):
        end = len(data) if following is None else following - 3
        unit = data[start:end].rstrip(b"\x00")
        if not unit:
            continue
        kind = unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63
        if kind in _DELIMITERS[codec]:
            continue
        (sets if kind in _SETS[codec] else rest).append(b"\x00\x00\x00\x01" + unit)
    return b"".join(sets), b"".join(rest)
