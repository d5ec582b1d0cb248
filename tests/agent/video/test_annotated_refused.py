"""What shows what the camera saw goes nowhere but into a file that was made for it."""

import importlib
import inspect
import pkgutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from recording import INFO, annotated_grey, grey, leftovers

import agent
from agent.frames import ports
from agent.frames.encoded import _SEAL
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.fanout import Fanout
from agent.video.file_output import FileOutput
from agent.video.file_source import FileSource
from agent.video.kept_file import KeptFile
from agent.video.push import PushOutput
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.video.segments_output import SegmentsOutput
from agent.video.tee import Tee
from agent.video.watched import Watched
from agent.wall_clock import WallClock


@pytest.fixture
def annotated_stream():
    encoder = VideoEncoder(INFO, annotated=True)
    encoder.encode(annotated_grey())
    return encoder.stream


@cache
def recordings_in(folder):
    """One object for all outputs: a folder is nobody else's until it is closed."""
    return Recordings(folder, Keep(), WallClock())


OUTPUTS = {
    Fanout: lambda _: Fanout(),
    FileOutput: lambda folder: FileOutput(folder / "out.mp4"),
    KeptFile: lambda folder: KeptFile(folder / "out.mp4"),
    SegmentsOutput: lambda folder: recordings_in(folder).output("door", 60, lambda: None),
    PushOutput: lambda _: PushOutput("rtsp://127.0.0.1/door", name="door"),
    Tee: lambda folder: Tee(FileOutput(folder / "out.mp4")),
    Watched: lambda folder: Watched([], FileOutput(folder / "out.mp4")),
}
"""Every output there is, made as for redacted pictures."""


def outputs_of_the_agent():
    """All classes of `agent` that have what an output has."""
    methods = {name for name in vars(ports.Output) if not name.startswith("_")}
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if module.name.endswith("__main__"):
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind is not ports.Output and all(hasattr(kind, method) for method in methods):
                yield kind


@pytest.mark.slow
def test_every_output_is_tried_here():
    assert set(outputs_of_the_agent()) == set(OUTPUTS)


@pytest.mark.parametrize("kind", OUTPUTS, ids=lambda kind: kind.__name__)
def test_every_output_refuses_an_annotated_stream(kind, annotated_stream, tmp_path):
    output = OUTPUTS[kind](tmp_path)
    with pytest.raises(TypeError, match="an annotated stream is not redacted"):
        output.start(annotated_stream)
    output.abort()
    assert leftovers(tmp_path) == []
    redacted = replace(annotated_stream, seal=_SEAL, annotated=False)
    OUTPUTS[kind](tmp_path).start(redacted)  # that was all


def test_no_other_output_can_be_told_to_take_one():
    able = [kind for kind in OUTPUTS if "annotated" in inspect.signature(kind).parameters]
    assert able == [FileOutput]


def test_an_ordinary_encoder_refuses_annotated_frames():
    encoder = VideoEncoder(INFO)
    with pytest.raises(TypeError, match="takes redacted frames, not AnnotatedFrame"):
        encoder.encode(annotated_grey())
    encoder.encode(grey())
    assert not encoder.stream.annotated
    with pytest.raises(TypeError, match="takes redacted frames, not AnnotatedFrame"):
        encoder.encode(annotated_grey(1))


def test_an_annotated_encoder_takes_annotated_frames_alone(clip):
    encoder = VideoEncoder(INFO, annotated=True)
    with FileSource(clip) as source:
        raw = next(source)
    for other in (grey(), raw, raw.planes, None):
        with pytest.raises(TypeError, match="takes annotated frames"):
            encoder.encode(other)
    encoder.encode(annotated_grey())
    assert encoder.stream.annotated


def test_a_pipeline_that_mixes_them_up_leaves_no_file(tmp_path):
    with (
        pytest.raises(TypeError, match="an annotated stream is not redacted"),
        EncodingSink(VideoEncoder(INFO, annotated=True), FileOutput(tmp_path / "out.mp4")) as sink,
    ):
        sink.write(annotated_grey())
    assert leftovers(tmp_path) == []


def test_a_tee_refuses_although_one_of_its_files_would_take_it(tmp_path):
    tee = Tee(FileOutput(tmp_path / "tuning.mp4", annotated=True), FileOutput(tmp_path / "out.mp4"))
    with (
        pytest.raises(TypeError, match="an annotated stream is not redacted"),
        EncodingSink(VideoEncoder(INFO, annotated=True), tee) as sink,
    ):
        sink.write(annotated_grey())
    assert leftovers(tmp_path) == []


def test_a_file_that_was_made_for_it_takes_it(clips, tmp_path):
    output = FileOutput(tmp_path / "tuning.mp4", annotated=True)
    with EncodingSink(VideoEncoder(INFO, annotated=True), output) as sink:
        for pts in range(5):
            sink.write(annotated_grey(pts))
        sink.finish()
    assert len(clips.frames_of(Path(tmp_path / "tuning.mp4"))) == 5
