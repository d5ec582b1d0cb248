"""Coded pictures as a browser pushes them: worlds, encoded as WebCodecs encodes."""

import re
from fractions import Fraction
from itertools import pairwise

import av
from av.video.frame import PictureType

STEP_US = 33_333
"""Of a camera that gives thirty a second."""


def pushes(world, codec="h264", **more):
    """What a browser's encoder gives for each frame of a world: time in µs, bytes; see `pushing`."""
    return list(pushing(world, codec, **more))


def pushing(
    world,
    codec="h264",
    *,
    group=30,
    step_us=STEP_US,
    first_us=7_000_000,
    options=(),
    wants_key=lambda: False,
):
    """The same as it is asked for.

    Args:
        options: of the encoder, beside what WebCodecs asks for.
        wants_key: asked before each frame, whether it must be a key.
    """
    name = {"h264": "libx264", "vp8": "libvpx"}[codec]
    context = av.CodecContext.create(name, "w")
    context.width, context.height = world.size
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 1_000_000)
    context.framerate, context.gop_size, context.thread_count = 30, group, 1
    fast = {"preset": "ultrafast", "tune": "zerolatency", "qp": "4"}
    own = fast if codec == "h264" else {"deadline": "realtime", "lag-in-frames": "0", "crf": "4"}
    context.options = {**own, **dict(options)}
    if codec == "vp8":
        context.bit_rate = 8_000_000
    for i in range(world.frames):
        picture = av.VideoFrame(*world.size, "yuv420p")
        for plane, pixels in zip(picture.planes, world.frame(i).planes, strict=True):
            rows = bytearray(plane.line_size * plane.height)
            for y, row in enumerate(pixels):
                rows[y * plane.line_size : y * plane.line_size + plane.width] = row.tobytes()
            plane.update(bytes(rows))
        picture.pts, picture.time_base = first_us + i * step_us, context.time_base
        if wants_key():
            picture.pict_type = PictureType.I
        yield from _given(context.encode(picture))
    yield from _given(context.encode(None))


def _given(packets):
    return [(packet.pts, bytes(packet)) for packet in packets]


def without_sets(data):
    """A coded picture without its parameter sets, as an encoder gives it that stores them aside."""
    starts = [found.start() for found in re.finditer(b"\x00\x00\x01", data)] + [len(data)]
    units = [data[a:b] for a, b in pairwise(starts)]
    return b"".join(unit for unit in units if unit[3] & 31 not in (7, 8))


class Told:
    """Stands in for a client: keeps what it was told of its numbers."""

    def __init__(self):
        self.taken_numbers, self.dropped_numbers, self.keys = [], {}, 0
        self.answered = set()

    def taken(self, number):
        self.taken_numbers.append(number)
        self.answered.add(number)

    def dropped(self, numbers, why):
        for number in numbers:
            assert number not in self.dropped_numbers, f"{number} was dropped twice"
            self.dropped_numbers[number] = why
            self.answered.add(number)

    def want_key(self):
        self.keys += 1
