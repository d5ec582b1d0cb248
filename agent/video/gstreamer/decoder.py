"""GstDecoder: a stream's packets to its pictures, decoded by a chain of GStreamer's elements."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from av.error import FFmpegError

from agent.errors import InputError
from agent.video.decoder import Mark
from agent.video.gstreamer.annex_b import AnnexB
from agent.video.gstreamer.decoding import decoding
from agent.video.gstreamer.fed_packets import FedPackets
from agent.video.gstreamer.sample import SampleReader
from agent.video.gstreamer.suspicion import Suspicion
from agent.video.picture_pool import PicturePool
from models.deinterlacer import Deinterlacer

if TYPE_CHECKING:
    from typing import Any

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.video.decoder import Packets
    from agent.video.gstreamer.chain import Chain
    from agent.video.gstreamer.fed_packets import Fed
    from agent.video.gstreamer.sample import SampleKind
    from agent.video.picture_times import PictureTimes

STALL_S = 15.0
"""A decoder that was fed all it may be, and gives nothing for so long, has stalled."""
_MOST_IN_FLIGHT = 30
"""Packets that it may be fed before it has to give a picture: H.264 holds back 16 at most, and
`agent.video.timestamps` knows the times of 32. Chosen, not measured."""
_TOP_FIRST, _BOTTOM_FIRST = 2, 3
"""libavcodec's AV_FIELD_TT and AV_FIELD_BB."""


class GstDecoder:
    """Pictures in order of presentation, each of one moment, with what is known of them.

    Containers and cameras are read by FFmpeg all the same, so times, sound, crops and turns are
    what they are wherever FFmpeg decodes; a picture gets the time of its packet, to the tick.
    What a decoder leaves out, or says is damaged, is skipped and counted, and what follows is
    suspect up to the next key picture. A decoder that hides damage from us hides it: GStreamer's of
    FFmpeg (1.22) does, but for pictures whose base it lacks.

    Args:
        packets: from the first on, those that `first` was decoded from.
        times: is told what goes in and comes out, and writes each picture's time into it.
        first: the stream's first picture as FFmpeg decodes it: colours and turn are its.
        delay: packets that FFmpeg was fed before it gave the first picture.
        patience_s: how long to wait for a picture before the next packet is read. A camera's next
            is a while away, so its picture is waited for; a file's is there.

    Attributes:
        copied_s: seconds in which pictures were copied out of GStreamer's memory so far.

    Raises:
        InputError: the chain can't be built.
    """

    def __init__(
        self,
        chain: Chain,
        stream: VideoStream,
        packets: Packets,
        times: PictureTimes,
        first: tuple[VideoFrame, Mark],
        delay: int,
        patience_s: float = 0.0,
    ) -> None:
        self.name = f"gstreamer ({chain})"
        self.copied_s = 0.0
        self._decoder, self._patience_s = chain.decoder, patience_s
        self._packets, self._times = packets, times
        self._first, self._mark = first
        self._preview: tuple[VideoFrame, Mark] | None = first
        self._annex_b = AnnexB(stream)
        self._time_base = times.time_base
        self._fed = FedPackets(times.time_base, in_order=times.tell_order)
        self._suspicion = Suspicion(delay)
        self._pool = PicturePool()
        self._pictures: deque[tuple[VideoFrame, Mark]] = deque()
        self._deinterlacer: Deinterlacer[Mark] | None = None
        self._kind: SampleKind | None = None
        self._usual: SampleKind | None = None
        self._skipped = self._deinterlaced = 0
        self._all_fed = self._ended = False
        self._pipeline = decoding(chain)
        self._reader = SampleReader()

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._skipped + self._packets.damaged

    @property
    def deinterlaced(self) -> int:
        """Pictures that showed two moments so far."""
        now = 0 if self._deinterlacer is None else self._deinterlacer.deinterlaced
        return self._deinterlaced + now

    def preview(self) -> tuple[VideoFrame, Mark] | None:
        """What describes the pictures to come, at the start `first`; None when the stream has ended.

        Raises:
            InputError: as `peek`.
        """
        return self._preview or self.peek()

    def peek(self) -> tuple[VideoFrame, Mark] | None:
        """The picture that comes next; None when the stream has ended.

        Raises:
            InputError: the decoder has failed, or stalled.
        """
        while not self._pictures and not self._ended:
            self._go_on()
        return self._pictures[0] if self._pictures else None

    def take(self) -> tuple[VideoFrame, Mark] | None:
        """The next picture; None when the stream has ended.

        Raises:
            InputError: as `peek`.
        """
        self._preview = None
        return None if self.peek() is None else self._pictures.popleft()

    def close(self) -> None:
        """Decode no more."""
        self._ended = True
        self._pictures.clear()
        self._pipeline.close()

    def _go_on(self) -> None:
        """Feed what may be fed, and take what is ready."""
        wait_s = STALL_S
        if not self._all_fed and len(self._fed) < _MOST_IN_FLIGHT:
            self._feed()
            wait_s = self._patience_s
        sample = self._pipeline.pull(wait_s)
        if sample is None and wait_s == STALL_S and not self._pipeline.ended:
            raise InputError(f"{self._decoder} has given no picture for {STALL_S:g} s")
        while sample is not None:
            self._take(sample)
            sample = self._pipeline.pull(0)
        if self._pipeline.ended:
            self._end()

    def _feed(self) -> None:
        """The next packet, or that there is none."""
        lost = self._packets.damaged
        packet = next(self._packets, None)
        if self._packets.damaged > lost:
            self._suspicion.lost(self._fed.fed)
        if packet is None:
            self._all_fed = True
            self._pipeline.end()
            return
        self._times.fed(packet)
        pts, dts, duration = packet.pts, packet.dts, packet.duration or 0
        is_key = packet.is_keyframe
        try:
            data = self._annex_b.bytes_of(packet)
        except FFmpegError:
            self._lose(packet)
            return
        fed = self._fed.feed(pts, dts, duration, is_key=is_key)
        self._pipeline.push(data, fed.stamp)

    def _lose(self, packet: Packet[VideoStream]) -> None:
        self._times.lost(packet)
        self._skipped += 1
        self._suspicion.lost(self._fed.fed)

    def _take(self, sample: Any) -> None:
        fed, overtaken = self._fed.shown(self._reader.stamp_of(sample))
        kind = self._reader.kind_of(sample)
        if not kind.is_interlaced:  # of two packets with a field each, one has no picture
            for each in overtaken:
                self._skipped += 1
                self._suspicion.lost(each.number)
        picture = self._copied(sample, kind)
        self._date(picture, fed)
        self._times.decoded(picture)
        if self._reader.is_corrupt(sample):
            self._skipped += 1
            self._suspicion.lost(self._fed.fed if fed is None else fed.number)
            return
        suspect = self._suspicion.of(
            None if fed is None else fed.number, is_key=fed is not None and fed.is_key
        )
        if self._usual is None:
            self._usual = kind
        aspect = self._mark.aspect if kind.aspect == self._usual.aspect else kind.aspect
        mark = Mark(suspect, aspect, self._mark.turn)
        self._pictures.extend(self._deinterlacer_for(kind).take(picture, mark))

    def _copied(self, sample: Any, kind: SampleKind) -> VideoFrame:
        """The sample's picture in memory of ours, its numbers meaning what they do."""
        began_s = time.perf_counter()
        with self._reader.planes_of(sample) as planes:
            picture = self._pool.copied(planes)
        self.copied_s += time.perf_counter() - began_s
        first = self._first
        picture.colorspace, picture.color_range = first.colorspace, first.color_range
        picture.color_primaries, picture.color_trc = first.color_primaries, first.color_trc
        if first.format.name.startswith("yuvj"):
            picture.color_range = 2
        if self._usual is not None and kind.colorimetry != self._usual.colorimetry:
            picture.colorspace, picture.color_primaries, picture.color_trc = kind.codes
            picture.color_range = 2 if kind.full_range else 1
        return picture

    def _date(self, picture: VideoFrame, fed: Fed | None) -> None:
        picture.time_base = self._time_base
        if fed is not None:
            picture.pts, picture.dts, picture.duration = fed.pts, fed.dts, fed.duration

    def _deinterlacer_for(self, kind: SampleKind) -> Deinterlacer[Mark]:
        order = 0
        if kind.is_interlaced:
            order = _TOP_FIRST if kind.top_first else _BOTTOM_FIRST
        if self._deinterlacer is None:
            self._deinterlacer = Deinterlacer(order)
        elif self._kind is not None and kind.is_interlaced != self._kind.is_interlaced:
            self._pictures.extend(self._deinterlacer.end())
            self._deinterlaced += self._deinterlacer.deinterlaced
            self._deinterlacer = Deinterlacer(order)
        self._kind = kind
        return self._deinterlacer

    def _end(self) -> None:
        self._ended = True
        if self._kind is not None and not self._kind.is_interlaced:
            self._skipped += len(self._fed.rest())
        if self._deinterlacer is not None:
            self._pictures.extend(self._deinterlacer.end())
