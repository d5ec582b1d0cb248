"""GstCoder: pictures coded by an encoder of GStreamer's, those in hardware among them.

Encoders in hardware were never run: `x264enc` was, through all that is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import PictureType, VideoFrame

from agent.errors import OutputError
from agent.video.coder import Coded
from agent.video.gstreamer.fed_packets import FedPackets
from agent.video.gstreamer.library import gst, gst_video
from agent.video.gstreamer.parameter_sets import divided
from agent.video.gstreamer.pipeline import GstPipeline
from agent.video.gstreamer.sample import SampleReader

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour
    from agent.video.encoder_picture import EncoderPicture
    from agent.video.gstreamer.encoder_chain import EncoderChain

STALL_S = 15.0
"""An encoder that holds all it may, and gives nothing for so long, has stalled."""
_MOST_HELD = 8
"""Pictures that it may hold before it has to give one. Chosen, not measured: it places no B-frames."""


class GstCoder:
    """A `Coder`. Every picture is shown when it is decoded: none is placed before its turn.

    Args:
        time_base: seconds a tick of pictures' times.
        frame_rate: frames a second, a hint.
        aspect: width of a pixel over its height.
        crf: quality, 0 to 51, lower is better.
    """

    def __init__(
        self,
        chain: EncoderChain,
        time_base: Fraction,
        frame_rate: Fraction,
        aspect: Fraction,
        crf: int,
    ) -> None:
        self._chain, self._crf = chain, crf
        self._time_base, self._rate, self._aspect = time_base, frame_rate, aspect
        self._fed = FedPackets(time_base, in_order=True)
        self._pipeline: GstPipeline | None = None
        self._last_pts: int | None = None

    @property
    def name(self) -> str:
        """GStreamer's."""
        return self._chain.encoder

    def open(self, picture: EncoderPicture, colour: Colour, matrix_code: int) -> bytes:
        """See `Coder`. A grey picture is coded first, for nothing else tells the parameter sets."""
        caps = self._caps(picture, colour, matrix_code)
        first = self._started(caps)
        try:
            first.push(_grey(picture), 0)
            first.end()
            sample = first.pull(STALL_S)
            if sample is None:
                raise OutputError(f"{self.name} gave nothing of a picture")
            sets, coded = divided(SampleReader().bytes_of(sample), self._chain.codec)
        finally:
            first.close()
        if not sets or not coded:
            raise OutputError(f"{self.name} gave no parameter sets")
        self._sets = sets
        self._reader = SampleReader()
        self._pipeline = self._started(caps)
        return sets

    def encode(self, picture: VideoFrame | None) -> list[Coded]:
        """See `Coder`."""
        if self._pipeline is None:
            raise OutputError(f"{self.name} was closed")
        if picture is None:
            self._pipeline.end()
        else:
            self._feed(self._pipeline, picture)
        coded = []
        while True:
            owed = len(self._fed)
            wait_s = STALL_S if owed and (picture is None or owed > _MOST_HELD) else 0.0
            sample = self._pipeline.pull(wait_s)
            if sample is None:
                break
            coded.append(self._coded(sample))
        if wait_s and not self._pipeline.ended:
            raise OutputError(f"{self.name} has given no picture for {STALL_S:g} s")
        if picture is None and len(self._fed):
            raise OutputError(f"{self.name} lost {len(self._fed)} pictures")
        return coded

    def close(self) -> None:
        """See `Coder`."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None

    def _started(self, caps: str) -> GstPipeline:
        settings = self._chain.settings(self._crf)
        return GstPipeline(self._chain.description, caps, self.name, OutputError, settings)

    def _feed(self, pipeline: GstPipeline, picture: VideoFrame) -> None:
        fed = self._fed.feed(picture.pts, None, 0, is_key=picture.pict_type == PictureType.I)
        if fed.is_key:
            none = gst().CLOCK_TIME_NONE
            pipeline.send(
                gst_video().video_event_new_downstream_force_key_unit(
                    fed.stamp, none, fed.stamp, True, fed.number
                )
            )
        pipeline.push(_packed(picture), fed.stamp)

    def _coded(self, sample: Any) -> Coded:
        fed, lost = self._fed.shown(self._reader.running_stamp_of(sample))
        if fed is None or fed.pts is None or lost:
            raise OutputError(f"{self.name} gave a picture of no time that it was given")
        sets, data = divided(self._reader.bytes_of(sample), self._chain.codec)
        if sets and sets != self._sets:
            raise OutputError(f"{self.name} changed its parameter sets")
        return Coded(data, fed.pts, fed.pts, self._reader.is_key(sample))

    def _caps(self, picture: EncoderPicture, colour: Colour, matrix_code: int) -> str:
        layout = "NV12" if picture.interleaved else "I420"
        rate, aspect = self._rate, self._aspect
        video = gst_video()
        kinds = (
            int(not colour.full_range) + 1,
            int(video.video_color_matrix_from_iso(matrix_code)),
            int(video.video_transfer_function_from_iso(colour.transfer)),
            int(video.video_color_primaries_from_iso(colour.primaries)),
        )
        return (
            f"video/x-raw,format={layout},width={picture.width},height={picture.height},"
            f"framerate={rate.numerator}/{rate.denominator},"
            f"pixel-aspect-ratio={aspect.numerator}/{aspect.denominator},"
            f"colorimetry=(string){':'.join(map(str, kinds))}"
        )


def _grey(picture: EncoderPicture) -> bytes:
    return _rows(picture.width, picture.height, picture.pixel_format, None)


def _packed(picture: VideoFrame) -> bytes:
    return _rows(picture.width, picture.height, picture.format.name, picture)


def _rows(width: int, height: int, layout: str, picture: VideoFrame | None) -> bytes:
    """Planes as GStreamer lays them out: rows and planes begin where four bytes do."""
    sizes = [(height, width)]
    half = (height // 2, width // 2)
    sizes += [(half[0], 2 * half[1])] if layout == "nv12" else [half, half]
    parts = []
    for number, (rows, columns) in enumerate(sizes):
        stride = -(-columns // 4) * 4
        packed = np.full((rows + rows % 2, stride), 128, np.uint8)
        if picture is not None:
            plane = picture.planes[number]
            shown = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            packed[:rows, :columns] = shown[:rows, :columns]
        parts.append(packed.tobytes())
    return b"".join(parts)
