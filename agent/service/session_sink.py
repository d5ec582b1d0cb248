"""Session sinks: into what a session's pictures go: recordings, those who watch, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.video.encoder import VideoEncoder
from agent.video.encoders import Encoders
from agent.video.encoding_sink import EncodingSink
from agent.video.kept_file import KeptFile
from agent.video.no_sink import NoSink
from agent.video.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config.tree import SinkConfig
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.live.view import View
    from agent.service.stream_session import Surroundings
    from agent.video.segments_output import SegmentsOutput


def opened_sink(
    name: str,
    info: StreamInfo,
    sink: SinkConfig,
    around: Surroundings,
    view: View | None,
    on_segment: Callable[[], None],
) -> EncodingSink[RedactedFrame] | NoSink:
    """For a stream's pictures from now on.

    Args:
        name: the stream's.
        view: what those who watch see of it; None where nobody can.
        on_segment: called on the encoder's thread when another recording begins.

    Raises:
        OutputError: what is recorded into can't be opened.
    """
    made: KeptFile | SegmentsOutput | None = None
    if sink.file is not None:
        made = KeptFile(sink.file)
    elif sink.record:
        made = around.recorder.output(name, on_segment)
    if view is not None:
        return _watched(info, sink, view, made)
    if made is None:
        return NoSink()
    clock = made.clock(info)
    encoders = Encoders(sink.encoder, around.verdicts)
    encoder = VideoEncoder(
        info,
        codec=sink.codec,
        crf=sink.crf,
        preset=sink.preset,
        threads=around.encoder_threads,
        clock=clock,
        gop_s=sink.gop_s,
        coder=encoders.coder_for(info, clock.time_base, sink.codec, sink.crf),
    )
    return EncodingSink(encoder, made)


def _watched(
    info: StreamInfo, sink: SinkConfig, view: View, made: KeptFile | SegmentsOutput | None
) -> EncodingSink[RedactedFrame]:
    """One encoder for all, which gives each picture out at once, as for recordings none need."""
    encoder = VideoEncoder(
        info,
        crf=sink.crf,
        preset=sink.preset,
        threads=1,
        clock=None if made is None else made.clock(info),
        gop_s=None if made is None else sink.gop_s,
        wants_key=view.wants_key,
    )
    return EncodingSink(encoder, Watched(view.outputs, made))
