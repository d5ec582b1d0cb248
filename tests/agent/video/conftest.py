"""Clips whose every picture says which one it is, and the way through a source and a sink."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from recording import file_sink

from agent.frames.frame import Frame
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.video.file_source import FileSource
from models.preprocess import rgb_from_yuv

BITS = 6
"""A picture's number stands as black and white cells in its upper third, lowest bit on the left."""


def picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """RGB [height, width, 3]: a smooth ground, red to the right and green downwards, and a number."""
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(30, 220, width)
    image[..., 1] = np.linspace(40, 200, height)[:, None]
    image[..., 2] = 90
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 3, left:right] = 235 if number >> bit & 1 else 20
    return image


def number_of(luma: np.ndarray) -> int:
    """The number that a picture shows."""
    height, width = luma.shape
    cells = [
        luma[height // 12 : height // 4, (2 * bit + 1) * width // (2 * BITS)].mean() > 128
        for bit in range(BITS)
    ]
    return sum(int(cell) << bit for bit, cell in enumerate(cells))


def seconds(frames: Iterable[Frame]) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in frames]


def redacted(frame: Frame) -> RedactedFrame:
    """What the redactor makes of a frame in which nothing has to be hidden."""
    planes = tuple(plane.copy() for plane in frame.planes)
    return RedactedFrame(_SEAL, frame, planes)


def through(source: Path, output: Path, *, sound: bool = False, **settings: object) -> list[Frame]:
    """Take every frame of `source` into `output`; the frames as they came out of the source."""
    with (
        FileSource(source, sound=sound) as frames,
        file_sink(output, frames.info, sound=frames.sound, **settings) as sink,
    ):
        seen = []
        for frame in frames:
            sink.write(redacted(frame))
            seen.append(frame)
        sink.finish()
    return seen


def frames_of(path: Path) -> list[Frame]:
    with FileSource(path) as source:
        return list(source)


def rgb_of(frame):
    colour = frame.colour
    return rgb_from_yuv(frame.planes, frame.size, colour.matrix, full_range=colour.full_range)


def error_between(image, other):
    """Mean absolute difference of two RGB images, edges of the number cells left out."""
    return np.abs(image.astype(int) - other.astype(int))[image.shape[0] // 2 :].mean()


def write_clip(
    path: Path,
    pts: Sequence[int] = tuple(range(12)),
    time_base: Fraction = Fraction(1, 25),
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (96, 64),
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
    draw: Callable[[int, int, int], np.ndarray] = picture,
    prepare: Callable[[av.container.OutputContainer, av.VideoStream], None] | None = None,
    sound: str | Sequence[str] = (),
    sound_s: float | None = None,
    rate: Fraction | int = 25,
) -> Path:
    """A clip with one numbered picture at each of `pts`; `prepare` may change the streams.

    `sound` names a codec for each stream of sound, which ends with the pictures, or at `sound_s`.
    """
    quality = {"crf": "8"} if codec == "libx264" else {}
    with av.open(str(path), "w", container_options=muxing or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=quality | (options or {}))
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = time_base
        kinds = [sound] if isinstance(sound, str) else sound
        speeches = [output.add_stream(kind, rate=48000) for kind in kinds]
        if prepare is not None:
            prepare(output, stream)
        full_range = pixel_format.startswith("yuvj")
        for number, ticks in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(draw(number, *size), "rgb24").reformat(
                format=pixel_format,
                dst_colorspace="ITU601",
                dst_color_range="JPEG" if full_range else "MPEG",
            )
            frame.pts, frame.time_base = ticks, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for speech in speeches:
            output.mux(_hum(speech, Fraction(sound_s or (pts[-1] + 1) * time_base)))
    return path


def _hum(stream: av.AudioStream, until: Fraction) -> list[av.Packet]:
    packets, at, chunk = [], 0, 1024
    while Fraction(at, 48000) < until:
        wave = np.sin(np.arange(at, at + chunk) * 440 * 2 * np.pi / 48000).astype(np.float32)
        sound = av.AudioFrame.from_ndarray(np.stack([wave, wave]) / 4, "fltp", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = 48000, at, Fraction(1, 48000)
        packets += stream.encode(sound)
        at += chunk
    return packets + stream.encode(None)


class Clips:
    """All of the above in one fixture, since test files here can't import from each other."""

    picture = staticmethod(picture)
    number_of = staticmethod(number_of)
    seconds = staticmethod(seconds)
    redacted = staticmethod(redacted)
    through = staticmethod(through)
    frames_of = staticmethod(frames_of)
    rgb_of = staticmethod(rgb_of)
    error_between = staticmethod(error_between)
    write = staticmethod(write_clip)


@pytest.fixture(scope="session")
def clips() -> type[Clips]:
    return Clips


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve pictures at 25 a second, with B-frames."""
    return write_clip(tmp_path / "clip.mp4")
