"""Clips made out of real ones: longer, larger, or a single frame."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

FULL_HD = (1920, 1080)
USUAL_RATE = Fraction(25)
"""Frames a second of a clip that claims none."""


def made(
    source: Path, target: Path, *, size: tuple[int, int] | None = None, frames: int | None = None
) -> Path:
    """Encode a clip anew, at camera-like quality.

    Args:
        size: width, height of the result; None: as it was.
        frames: stop after this many; None: all.
    """
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        inside = before.streams.video[0]
        inside.thread_type = "AUTO"
        width, height = size or (inside.width, inside.height)
        rate = inside.average_rate or USUAL_RATE
        stream = after.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, frame in enumerate(islice(before.decode(inside), frames)):
            picture = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            picture.pts, picture.time_base = index, 1 / rate
            after.mux(stream.encode(picture))
        after.mux(stream.encode(None))
    return target


def looped(source: Path, target: Path, frames: int) -> Path:
    """Repeat a clip's packets until there are this many frames; nothing is encoded."""
    with av.open(str(source)) as before:
        inside = before.streams.video[0]
        packets = [packet for packet in before.demux(inside) if packet.size]
        rate, tick = inside.average_rate or USUAL_RATE, inside.time_base or 1 / USUAL_RATE
        step = max(1, round(1 / (rate * tick)))
        length = len(packets) * step
        with av.open(str(target), "w") as after:
            stream = after.add_stream_from_template(inside)
            for count in range(frames):
                packet = packets[count % len(packets)]
                if packet.pts is None or packet.dts is None:
                    raise SystemExit(f"{source}: a packet without a time can't be repeated")
                if count >= len(packets):
                    packet.pts, packet.dts = packet.pts + length, packet.dts + length
                # Muxing converts a packet's times in place to the output's ticks.
                times = packet.pts, packet.dts, packet.time_base, packet.duration
                packet.stream = stream
                after.mux(packet)
                packet.pts, packet.dts, packet.time_base, packet.duration = times
    return target
