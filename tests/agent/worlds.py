"""Worlds to run the agent in: clips painted along known paths, and detectors that see them.

Things are brighter than 150 and everything else is darker than 120, so that a bright pixel in an
output is a leak wherever it lies. Clips are encoded without loss: what a detector sees is what
was painted.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour, Frame
from agent.frames.stream_info import StreamInfo
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.settings import BlurSettings
from models.bundle import Bundle, write_bundle
from models.classes import ClassSpec
from models.errors import InferenceError
from models.input_spec import InputSpec
from models.instances import Instances, Mask
from models.manifest import Manifest, NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame

LEAK = 140
"""Luma of a decoded output above which a thing shows."""

BLACK = 40
"""Luma below which a pixel was hidden by `SOLID`; the ground is never darker than 60."""

SOLID = BlurSettings(effect="solid", crf=10, workers=2, margin=0.03)
"""What worlds are redacted with unless a test says otherwise; things get a margin of one pixel."""

CLASSES = (ClassSpec(id=0, name="person"), ClassSpec(id=1, name="car"), ClassSpec(id=2, name="cow"))


@dataclass(frozen=True)
class Thing:
    """Something bright that moves.

    Attributes:
        where: left and top edge in frame i, whole pixels, or None where it is not there.
        luma: tells things apart; those of one luma that touch look like one.
    """

    where: Callable[[int], tuple[int, int] | None]
    size: tuple[int, int] = (32, 32)
    luma: int = 200
    class_id: int = 0
    round: bool = False

    def paint(self, luma: np.ndarray, i: int) -> None:
        place = self.where(i)
        if place is None:
            return
        (x, y), (width, height) = place, self.size
        if self.round:
            centre, axes = (x + width // 2, y + height // 2), (width // 2 - 1, height // 2 - 1)
            cv2.ellipse(luma, centre, axes, 0, 0, 360, self.luma, -1)
        else:
            luma[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = self.luma


def linear(x: int, y: int, dx: int = 0, dy: int = 0, *, born: int = 0, dies: int = 10**9):
    """A path along a line: at (x, y) in frame 0, there from `born` until before `dies`."""
    return lambda i: (x + dx * i, y + dy * i) if born <= i < dies else None


def grey_frame(luma: np.ndarray, i: int = 0) -> CpuFrame:
    """A frame without colour, as a decoder would give it."""
    half = tuple((side + 1) // 2 for side in luma.shape)
    grey = np.full(half, 128, np.uint8)
    colour = Colour("bt601", full_range=False)
    return CpuFrame((luma, grey, grey.copy()), i, i, Fraction(1, 25), colour)


def info_of(world: World) -> StreamInfo:
    """What a source would say of a world."""
    width, height = world.size
    return StreamInfo(
        width=width,
        height=height,
        frame_rate=Fraction(25),
        time_base=Fraction(1, 25),
        frames=world.frames,
        duration_s=world.frames / 25,
        colour=Colour("bt601", full_range=False),
        matrix_code=2,
        codec="h264",
        pixel_format="yuv420p",
        sample_aspect_ratio=Fraction(1),
        has_audio=False,
    )


class World:
    """A clip of things on a dark, patterned ground.

    Args:
        cuts: frames with which a new scene begins: another ground.
    """

    def __init__(
        self,
        *things: Thing,
        frames: int = 40,
        size: tuple[int, int] = (160, 96),
        cuts: Collection[int] = (),
    ) -> None:
        self.things, self.frames, self.size, self.cuts = things, frames, size, sorted(cuts)

    def luma(self, i: int) -> np.ndarray:
        """uint8 [h, w]."""
        width, height = self.size
        scene = sum(cut <= i for cut in self.cuts)
        picture = np.empty((height, width), np.uint8)
        picture[:] = 66 + np.arange(width) % 8 + (np.arange(height) % 8)[:, None]
        if scene % 2:
            picture += 34
        for thing in self.things:
            thing.paint(picture, i)
        return picture

    def truth(self, i: int) -> np.ndarray:
        """bool [h, w]: where things are."""
        return self.luma(i) > LEAK

    def frame(self, i: int) -> Frame:
        """As a decoder would give it."""
        return grey_frame(self.luma(i), i)

    def source(self) -> Iterator[Frame]:
        """All frames."""
        return map(self.frame, range(self.frames))

    def write(
        self,
        path: Path,
        *,
        pts: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        bframes: int = 0,
        codec: str = "libx264",
    ) -> Path:
        """A lossless clip with frame i at `pts[i]`; FFV1 takes odd sizes too."""
        with av.open(str(path), "w") as output:
            h264 = {"qp": "0", "preset": "ultrafast", "bf": str(bframes)}
            options = h264 if codec == "libx264" else {}
            stream = output.add_stream(codec, rate=25, options=options)
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = time_base
            for i in range(self.frames):
                planes = self.frame(i).planes
                picture = av.VideoFrame(*self.size, "yuv420p")
                for plane, pixels in zip(picture.planes, planes, strict=True):
                    padded = np.zeros((plane.height, plane.line_size), np.uint8)
                    padded[:, : plane.width] = pixels
                    plane.update(padded.tobytes())
                picture.pts, picture.time_base = pts[i] if pts else i, time_base
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
        return path


class Eyes:
    """Sees every thing of a world as it is, at any number of threads.

    Attributes:
        seen: index of every frame that was looked at.
    """

    def __init__(self, world: World, *, score: float = 0.9, masks: bool = True) -> None:
        self._world, self._score, self._masks = world, score, masks
        self._kinds = tuple(dict.fromkeys((t.luma, t.class_id) for t in world.things))
        self._lock = threading.Lock()
        self.seen: list[int] = []

    def detect(self, frame: Frame) -> Instances:
        with self._lock:
            self.seen.append(frame.index)
        boxes, classes, masks = [], [], []
        luma = frame.planes[0]
        for bright, class_id in self._kinds:
            same = (np.abs(luma.astype(np.int16) - bright) <= 4).astype(np.uint8)
            _, _, found, _ = cv2.connectedComponentsWithStats(same)
            for x, y, width, height, area in found[1:].tolist():
                if area < 12:  # what is left of a thing behind another
                    continue
                boxes.append([x, y, x + width, y + height])
                classes.append(class_id)
                masks.append(Mask(x, y, same[y : y + height, x : x + width] * 255))
        scores = np.full(len(boxes), self._score, np.float32)
        return Instances(
            np.array(boxes, np.float32).reshape(-1, 4),
            scores,
            np.array(classes, np.int64),
            tuple(masks) if self._masks else None,
        )


class _Odd(Eyes, ABC):
    """Sees well but at some frames."""

    def __init__(self, world: World, at: Collection[int]) -> None:
        super().__init__(world)
        self._at = frozenset(at)

    def detect(self, frame: Frame) -> Instances:
        seen = super().detect(frame)
        return self.oddly(seen) if frame.index in self._at else seen

    @abstractmethod
    def oddly(self, seen: Instances) -> Instances:
        """What comes of such a frame."""


class FailingAt(_Odd):
    """Raises what nobody foresaw."""

    def oddly(self, seen: Instances) -> Instances:
        raise RuntimeError(f"poked in the eye at {len(seen)} things")


class InvalidAt(_Odd):
    """Says itself that its result can't be trusted."""

    def oddly(self, seen: Instances) -> Instances:
        raise InferenceError(f"{len(seen)} things are not finite")


class NanAt(_Odd):
    """Gives numbers that are none, without saying so."""

    def oddly(self, seen: Instances) -> Instances:
        nan = np.float32("nan")
        return Instances(seen.boxes * nan, seen.scores * nan, seen.classes, seen.masks)


class NanScoresAt(_Odd):
    """Compares as 'nothing here'."""

    def oddly(self, seen: Instances) -> Instances:
        return Instances(seen.boxes, seen.scores * np.float32("nan"), seen.classes, seen.masks)


class BlindAt(_Odd):
    """Misses everything."""

    def oddly(self, seen: Instances) -> Instances:
        return seen.take([])


class WeakAt(_Odd):
    """Sees everything, and hardly believes it."""

    def oddly(self, seen: Instances) -> Instances:
        return Instances(seen.boxes, seen.scores * np.float32(0.15), seen.classes, seen.masks)


class FlippingAt(_Odd):
    """Calls everything a cow."""

    def oddly(self, seen: Instances) -> Instances:
        return Instances(seen.boxes, seen.scores, np.full_like(seen.classes, 2), seen.masks)


class OutsideAt(_Odd):
    """Adds things that lie beyond the frame, far beyond it, and all around it."""

    def oddly(self, seen: Instances) -> Instances:
        odd = [[-500, -500, -400, -400], [1e6, 5, 1e6 + 9, 50], [-1e30, -1e30, 1e30, -1e29]]
        return Instances(
            np.concatenate([seen.boxes, np.array(odd, np.float32)]),
            np.append(seen.scores, np.float32([0.9] * 3)),
            np.append(seen.classes, [0] * 3),
        )


class HangingAt(_Odd):
    """Never comes back, until `release`."""

    def __init__(self, world: World, at: Collection[int]) -> None:
        super().__init__(world, at)
        self._free = threading.Event()

    def oddly(self, seen: Instances) -> Instances:
        self._free.wait()
        return seen

    def release(self) -> None:
        self._free.set()


class Unhurried(Eyes):
    """Takes a different time for each frame, so that workers finish out of order."""

    def detect(self, frame: Frame) -> Instances:
        time.sleep((frame.index * 7919 % 13) / 1000)
        return super().detect(frame)


class HandClock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def turn(self, by_s: float) -> None:
        self._now_s += by_s


def until(reached: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do; a test that waits in vain fails."""
    limit = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.001)


class Gallery:
    """Stands in for a sink: keeps what was shown."""

    def __init__(self) -> None:
        self.shown: list[RedactedFrame] = []
        self.finished = False

    def write(self, frame: RedactedFrame) -> None:
        self.shown.append(frame)

    def finish(self) -> None:
        self.finished = True


class BrokenAt(Gallery):
    """A sink whose disk fails when frame number `index` is written."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__()
        self._index, self._error = index, error

    def write(self, frame: RedactedFrame) -> None:
        if frame.index == self._index:
            raise self._error
        super().write(frame)


class Clumsy:
    """A redactor that drops some frames the first time, or `always`."""

    def __init__(self, size: tuple[int, int], at: Collection[int], *, always: bool = False) -> None:
        self._redactor = Redactor(size, Effect("solid"))
        self._at, self._always = frozenset(at), always

    def redact(self, frame: Frame, cover: Cover) -> RedactedFrame:
        if frame.index in self._at and (self._always or cover.whole is None):
            raise ValueError("slippery")
        return self._redactor.redact(frame, cover)


def write_world_bundle(
    path: Path,
    model: bytes = b"no network: tests bring their own eyes",
    side: int = 64,
    names: Sequence[str] = tuple(spec.name for spec in CLASSES),
) -> Path:
    """An unsigned bundle of the classes that things may have, three unless they are named."""
    classes = tuple(ClassSpec(id=i, name=name) for i, name in enumerate(names))
    manifest = Manifest(
        name="world",
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=len(classes),
        classes=classes,
        input=InputSpec(height=side, width=side),
        files={"fp32": NetworkSpec.of("model.onnx", model)},
    )
    write_bundle(path, manifest, {"fp32": model})
    return path


def world_bundle(folder: Path) -> Bundle:
    """A bundle whose network is never loaded."""
    return Bundle.open(write_world_bundle(folder / "world.sfm"), allow_unsigned=True)


def lumas(path: Path) -> list[np.ndarray]:
    """Every picture of a clip: luma, uint8 [h, w]."""
    with av.open(str(path)) as container:
        return [
            np.array(frame.reformat(format="yuv420p").to_ndarray())[: frame.height]
            for frame in container.decode(video=0)
        ]


def leaks(pictures: Sequence[np.ndarray]) -> dict[int, int]:
    """How many pixels show a thing, by picture, where there are any."""
    counts = ((i, int((picture > LEAK).sum())) for i, picture in enumerate(pictures))
    return {i: count for i, count in counts if count}


def covered_whole(pictures: Sequence[np.ndarray]) -> list[int]:
    """The pictures of which nothing is left."""
    return [i for i, picture in enumerate(pictures) if picture.max() < BLACK]


def over_redaction(world: World, picture: np.ndarray, i: int) -> float:
    """Share of the ground that is hidden without need."""
    ground = ~world.truth(i)
    return float((picture[ground] < BLACK).mean())


def noop(_frame: RedactedFrame, _cover: Cover) -> None:
    """Watches nothing."""


def bright_clip(path, place, frames):
    """Something bright stands where a network of `networks` sees a person."""
    thing = Thing(lambda _: (place[0] + 2, place[1] + 2), size=(28, 28))
    return World(thing, frames=frames).write(path)
