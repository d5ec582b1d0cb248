"""Deinterlacer: pictures of two moments become pictures of one, all others pass as they are."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph

from models.combing import is_combed

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from models.combing import Luma

_MIN_SIDE_PX = 16
"""What is smaller was never on air, and `bwdif` takes no chroma of less than 3 columns or 4 lines."""

_PARITIES = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}
"""`bwdif`'s names for which field is shown first, by libavcodec's `AV_FIELD_*`."""

_8_BIT_LUMA_FIRST = frozenset({"gray", "nv12", "nv21"})

TagT = TypeVar("TagT")


class _CodedStream(Protocol):
    @property
    def codec_context(self) -> object: ...


class _Held(Generic[TagT]):
    """A picture that went into the filter and has not come out."""

    def __init__(self, picture: VideoFrame, tag: TagT) -> None:
        self.picture, self.tag = picture, tag

    @cached_property
    def luma(self) -> Luma:
        """The picture's, of 8 bits."""
        picture = self.picture
        name = picture.format.name
        if not (name in _8_BIT_LUMA_FIRST or (name.startswith("yuv") and _is_8_bit(picture))):
            picture = picture.reformat(format="gray", threads=1)
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8, abs(plane.line_size) * plane.height)
        luma: Luma = rows.reshape(plane.height, -1)[:, : plane.width]
        return luma if plane.line_size > 0 else luma[::-1]


class Deinterlacer(Generic[TagT]):
    """Takes the pictures of a stream one by one and gives each back once, in order.

    A picture that is said to be interlaced, and whose fields show two moments, is replaced by
    its first field's moment, at the same time; the lines of the second are made from those around
    and from the pictures beside it (FFmpeg's `bwdif`). Whole pictures in a stream for fields,
    and those of which nobody says so, stay untouched. From the first on, one picture is held back.

    Args:
        field_order: what the container says of all pictures (`field_order_of`), since not every
            codec says it of each.

    Attributes:
        deinterlaced: how many were replaced so far.
    """

    def __init__(self, field_order: int = 0) -> None:
        self.deinterlaced = 0
        self._parity = _PARITIES.get(field_order)
        self._graph: Graph | None = None
        self._layout: tuple[object, ...] = ()
        self._held: deque[_Held[TagT]] = deque()
        self._before: _Held[TagT] | None = None

    def take(self, picture: VideoFrame, tag: TagT) -> list[tuple[VideoFrame, TagT]]:
        """The pictures that are ready by now, each with the tag that was given with it.

        Raises:
            FFmpegError: the filter failed.
        """
        ready = [] if self._layout == _layout_of(picture) else self.end()
        if self._graph is None:
            if not self._is_said_interlaced(picture) or not _can_be_filtered(picture):
                return [*ready, (picture, tag)]
            parity = None if picture.interlaced_frame else self._parity
            self._graph, self._layout = _filter_for(picture, parity), _layout_of(picture)
        self._graph.push(picture)
        self._held.append(_Held(picture, tag))
        return ready + self._filtered(self._graph)

    def end(self) -> list[tuple[VideoFrame, TagT]]:
        """The pictures that are still held; others may follow, as those of another stream.

        Raises:
            FFmpegError: the filter failed.
        """
        if self._graph is None:
            return []
        self._graph.push(None)
        ready = self._filtered(self._graph)
        self._graph, self._layout, self._before = None, (), None
        return ready

    def _filtered(self, graph: Graph) -> list[tuple[VideoFrame, TagT]]:
        """What the filter has finished: it gives a picture for each, in order, one later."""
        ready: list[tuple[VideoFrame, TagT]] = []
        while True:
            try:
                filtered = graph.vpull()
            except (NothingYet, NothingMore):
                return ready
            held = self._held.popleft()
            ready.append((self._chosen(held, filtered), held.tag))
            self._before = held

    def _is_said_interlaced(self, picture: VideoFrame) -> bool:
        return picture.interlaced_frame or self._parity is not None

    def _chosen(self, held: _Held[TagT], filtered: VideoFrame) -> VideoFrame:
        picture = held.picture
        if not self._is_said_interlaced(picture):
            return picture
        before = None if self._before is None else self._before.luma
        after = self._held[0].luma if self._held else None
        if not is_combed(held.luma, before, after):
            return picture
        self.deinterlaced += 1
        filtered.pts, filtered.dts = picture.pts, picture.dts
        filtered.duration = picture.duration
        # What a decoder gives when its packets have ended comes without; the filter halves it.
        halved = filtered.time_base or Fraction(1, 50)
        filtered.time_base = picture.time_base or 2 * halved
        return filtered


def field_order_of(stream: _CodedStream) -> int:
    """What the stream's container says of its pictures (`AV_FIELD_*`), 0 where it says nothing.

    PyAV 17 doesn't hand it on, and a stream without a decoder has nothing to ask.
    """
    return int(getattr(stream.codec_context, "field_order", 0))


def _is_8_bit(picture: VideoFrame) -> bool:
    return picture.format.is_planar and picture.format.components[0].bits == 8


def _can_be_filtered(picture: VideoFrame) -> bool:
    return min(picture.width, picture.height) >= _MIN_SIDE_PX


def _layout_of(picture: VideoFrame) -> tuple[object, ...]:
    """What must stay as it is while one filter runs."""
    size = picture.width, picture.height
    return picture.format.name, size, picture.colorspace, picture.color_range


def _filter_for(picture: VideoFrame, parity: str | None) -> Graph:
    """`bwdif` for pictures like this one, which say themselves which field is first, or not."""
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=picture.time_base or Fraction(1, 25),  # no filter looks at times
        ),
        graph.add("bwdif", mode="send_frame", parity=parity or "auto", deint="all"),
        graph.add("buffersink"),
    ).configure()
    return graph
