"""Decoders: who decodes a stream, of those that were asked for and that can."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import av
from av.packet import Packet
from av.video.reformatter import VideoReformatter

from agent.errors import InputError
from agent.video.cuda_context import CUDA, cuda_context
from agent.video.decoded import colour_of, planes_of
from agent.video.decoder import Decoder
from agent.video.decoder_trial import tried
from agent.video.driver import is_usual
from agent.video.first_packets import FirstPackets
from agent.video.gstreamer.annex_b import AnnexB
from agent.video.gstreamer.chain import Chain, chains
from agent.video.gstreamer.decoder import GstDecoder
from agent.video.gstreamer.installed import versions_of
from agent.video.gstreamer.library import gst
from agent.video.verdicts import Verdict, Verdicts, key_of
from agent.video.whole_packets import WholePackets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.frames.decoder_name import DecoderName
    from agent.frames.encoded import Codec
    from agent.video.decoder import Packets
    from agent.video.picture_decoder import PictureDecoder
    from agent.video.picture_times import PictureTimes
    from models.runtime.gpu import Gpu

_log = logging.getLogger(__name__)

_trying = threading.Lock()
"""Streams that begin together wait for one trial instead of making each its own."""


_AS_NV12 = frozenset({"yuv420p", "yuvj420p", "nv12"})
"""What a GPU decodes to NV12, by what FFmpeg's own decoder makes of the first picture."""


def _no_gpu() -> None:
    """Where pictures can stay if nobody says so."""


@dataclass(frozen=True, slots=True)
class Decoders:
    """Chooses: `auto` takes FFmpeg's on the CPU, or a GPU's where one passes its trial and may be trusted.

    FFmpeg's alone, and on the CPU alone, tells of what it fills in by a guess. So of what may have
    been damaged where it lay, or on its way, `auto` decodes nothing elsewhere.

    What is asked for by name decodes, or nothing does. GStreamer takes its decoders in order, those
    in hardware first, FFmpeg's last.

    Args:
        asked: for what.
        verdicts: of trials.
        gpu: opens the GPU on which pictures may stay; None where there is none.
    """

    asked: DecoderName = "pyav"
    verdicts: Verdicts = field(default_factory=lambda: Verdicts(None))
    gpu: Callable[[], Gpu | None] = _no_gpu

    def staying_gpu(self) -> Gpu | None:
        """The GPU on which pictures stay, if any do: only where its decoder was asked for by name.

        It never ran on hardware, so nobody gets it unasked.
        """
        return self.gpu() if self.asked == CUDA else None

    def decoder_for(
        self,
        stream: VideoStream,
        packets: Packets,
        times: PictureTimes,
        threads: int,
        patience_s: float = 0.0,
        *,
        reliable: bool = False,
    ) -> PictureDecoder:
        """What decodes a stream of which nothing was read so far.

        Args:
            threads: where FFmpeg decodes on the CPU.
            patience_s: as in `GstDecoder`.
            reliable: packets come as they were sent, as they do over TCP, but for the last.

        Raises:
            InputError: nothing of what was asked for can, or nothing at all.
        """
        if is_usual(self.asked) or (self.asked == "auto" and not reliable):
            return Decoder(stream, packets, times, threads)
        ahead = FirstPackets(packets)
        usual = Decoder(stream, ahead, times, threads)
        codec = stream.codec_context
        reasons = ["only H.264 and H.265 can be"]
        if codec.name in ("h264", "hevc"):
            first = usual.peek()
            if first is None:
                return usual
            reasons = []
            with _trying:
                way = self._way_for(stream, ahead, first[0], reasons)
            if way is not None:
                delay = len(ahead.read) - 1
                usual.close()
                ahead.begin_again()
                times.begin_again()
                whole = WholePackets(ahead, stream)
                if isinstance(way, Chain):
                    return GstDecoder(way, stream, whole, times, first, delay, patience_s)
                stays = first[0].format.name in _AS_NV12 and self.staying_gpu() is not None
                context = cuda_context(codec.name, codec.extradata, stays=stays)
                return Decoder(stream, whole, times, 1, context, CUDA, first)
        why = "; ".join(reasons)
        if self.asked != "auto":
            raise InputError(f"can't be decoded by {self.asked}: {why}; --decoder pyav can")
        _log.info("decoded by FFmpeg on the CPU: %s", why)
        ahead.go_on()
        return usual

    def _way_for(
        self, stream: VideoStream, ahead: FirstPackets, first: VideoFrame, reasons: list[str]
    ) -> Chain | str | None:
        """The first way that passes its trial; why the others don't goes to `reasons`."""
        if first.format.is_rgb:
            reasons.append("its pictures are RGB")
            return None
        codec = cast("Codec", stream.codec_context.name)
        for way in self._ways(codec, reasons):
            verdict = self._verdict(way, codec, stream, ahead, first)
            if verdict.failure is None:
                return way
            reasons.append(f"{way}: {verdict.failure}")
        return None

    def _ways(self, codec: Codec, reasons: list[str]) -> Iterator[Chain | str]:
        if self.asked in ("auto", "pyav-cuda"):
            yield CUDA
        if self.asked == "pyav-cuda":
            return
        try:
            gst()
        except InputError as error:
            if self.asked == "gstreamer":
                raise
            reasons.append(str(error))
            return
        for each in chains(codec):
            if each.in_hardware or self.asked == "gstreamer":
                yield each

    def _verdict(
        self,
        way: Chain | str,
        codec: Codec,
        stream: VideoStream,
        ahead: FirstPackets,
        first: VideoFrame,
    ) -> Verdict:
        try:
            versions = versions_of(way.elements) if isinstance(way, Chain) else [av.__version__]
        except InputError as error:
            return Verdict(str(error))
        kind = f"{codec} {first.format.name}"
        key = key_of(str(way), versions, kind, (first.width, first.height))
        known = self.verdicts.get(key)
        if known is not None:
            return known
        colour = colour_of(first)
        luma = planes_of(first, colour, colour, VideoReformatter())[0]
        annex_b = AnnexB(stream)
        copies = [annex_b.bytes_of(_copied(packet)) for packet in ahead.read]
        self.verdicts.begin(key)
        verdict = tried(str(way), codec, copies, luma)
        self.verdicts.end(key, verdict)
        return verdict


def _copied(packet: Packet[VideoStream]) -> Packet[VideoStream]:
    """A packet of its own, of the same bytes."""
    return cast("Packet[VideoStream]", Packet(bytes(packet)))
