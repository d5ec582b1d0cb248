"""Sound goes over as it is, and only where the container takes it."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from recording import file_sink

from agent.errors import OutputError
from agent.video.file_source import FileSource


def packets_of(path):
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("sound", ["aac", "libmp3lame"])
def test_packets_are_copied_bit_by_bit_at_their_times(clips, tmp_path, suffix, sound):
    source = clips.write(tmp_path / "in.mkv", range(50), sound=sound)
    output = tmp_path / f"out{suffix}"
    seen = clips.through(source, output, sound=True)
    before = [packet for packet in packets_of(source) if packet[0] >= 0]
    after = packets_of(output)
    assert [data for _, data in after] == [data for _, data in before]
    for (time, _), (other, _) in zip(after, before, strict=True):
        assert abs(time - other) <= Fraction(1, 1000)
    assert len(clips.frames_of(output)) == len(seen) == 50
    if suffix != ".mkv":
        assert clips.seconds(clips.frames_of(output)) == clips.seconds(seen)


def test_sound_ends_with_the_pictures(clips, tmp_path):
    source = clips.write(tmp_path / "in.mp4", range(50), sound="aac")
    output = tmp_path / "out.mp4"
    with (
        FileSource(source, sound=True) as frames,
        file_sink(output, frames.info, sound=frames.sound) as sink,
    ):
        for _ in range(20):
            sink.write(clips.redacted(next(frames)))
        sink.finish()
    last, _ = packets_of(output)[-1]
    assert 0.7 < last < 0.8  # seconds


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv", ".ts"])
def test_sound_that_goes_on_after_the_last_picture_is_kept(clips, tmp_path, suffix, source_suffix):
    source = tmp_path / f"in{source_suffix}"
    clips.write(source, range(25), sound="aac", sound_s=4)
    output = tmp_path / f"out{suffix}"
    clips.through(source, output, sound=True)
    last, _ = packets_of(output)[-1]
    assert last == pytest.approx(4, abs=0.05)
    assert len(clips.frames_of(output)) == 25


def test_sound_that_ends_early_costs_no_picture(clips, tmp_path):
    source = clips.write(tmp_path / "in.mkv", range(50), sound="aac", sound_s=0.5)
    clips.through(source, tmp_path / "out.mp4", sound=True)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == 50
    assert 0.4 < packets_of(tmp_path / "out.mp4")[-1][0] < 0.55


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_packets_that_are_none_of_their_codecs_are_counted(clips, tmp_path, suffix):
    """In a transport stream every packet of AAC has a header, which a container takes away."""
    source = clips.write(tmp_path / "in.ts", range(50), sound="aac")
    with av.open(str(source)) as container:
        pid = container.streams.audio[0].id
    data = bytearray(source.read_bytes())
    cells = [
        at for at in range(0, len(data), 188) if (data[at + 1] & 31) << 8 | data[at + 2] == pid
    ]
    noise = np.random.default_rng(0)
    for at in cells[3::2]:
        data[at + 20 : at + 188] = noise.integers(0, 256, 168, np.uint8).tobytes()
    source.write_bytes(data)
    with (
        FileSource(source, sound=True) as frames,
        file_sink(tmp_path / f"out{suffix}", frames.info, sound=frames.sound) as sink,
    ):
        for frame in frames:
            sink.write(clips.redacted(frame))
        sink.finish()
        assert frames.repairs.sound_lost > 0
    assert len(clips.frames_of(tmp_path / f"out{suffix}")) == 50
    assert len(packets_of(tmp_path / f"out{suffix}")) > 20


def test_sound_that_is_announced_and_never_comes_is_left_out(clips, tmp_path):
    def announce(output, _):
        output.add_stream("aac", rate=48000)

    source = clips.write(tmp_path / "in.ts", range(25), prepare=announce)
    with FileSource(source, sound=True) as frames:
        assert frames.info.has_audio
        with file_sink(tmp_path / "out.mp4", frames.info, sound=frames.sound) as sink:
            for frame in frames:
                sink.write(clips.redacted(frame))
            sink.finish()
        assert frames.left_out == ("sound stream 1 (aac): .mp4 can't hold it",)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == 25


def test_sound_moves_with_pictures_that_start_before_zero(clips, tmp_path):
    source = clips.write(tmp_path / "in.mp4", range(50), sound="aac")
    output = tmp_path / "out.mp4"
    with (
        FileSource(source, sound=True) as frames,
        file_sink(output, frames.info, sound=frames.sound) as sink,
    ):
        lead = Fraction(10, 25)
        for frame in frames:
            early = replace(frame, pts=frame.pts - round(lead / frame.time_base))
            sink.write(clips.redacted(early))
        sink.finish()
    first = next(time for time, _ in packets_of(output))
    assert abs(first - lead) < 0.03  # a packet of AAC lasts 21 ms


def test_sound_is_dropped_unless_asked_for(clips, tmp_path):
    source = clips.write(tmp_path / "in.mp4", sound="aac")
    clips.through(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_asking_a_silent_file_for_sound_is_fine(clips, clip, tmp_path):
    clips.through(clip, tmp_path / "out.mp4", sound=True)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == 12


def test_language_is_the_only_tag_that_stays(clips, tmp_path):
    def name_languages(output, _):
        speech = output.streams.audio[0]
        speech.metadata.update({"language": "fre", "title": "Ann and Bob at dinner"})

    source = clips.write(tmp_path / "in.mkv", sound="aac", prepare=name_languages)
    clips.through(source, tmp_path / "out.mkv", sound=True)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].language == "fre"
        assert "title" not in container.streams.audio[0].metadata


def test_sound_that_the_container_cannot_hold_is_refused_with_the_remedy(clips, tmp_path):
    source = clips.write(tmp_path / "in.mkv", sound="wavpack")
    with pytest.raises(OutputError, match=r"can't hold wavpack sound.*--audio drop"):
        clips.through(source, tmp_path / "out.mp4", sound=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    clips.through(source, tmp_path / "out.mkv", sound=True)
    assert packets_of(tmp_path / "out.mkv")


def test_damaged_sound_does_not_stop_the_pictures(clips, tmp_path):
    source = clips.write(tmp_path / "in.mkv", range(50), sound="aac")
    broken = tmp_path / "broken.mkv"
    data = source.read_bytes()
    broken.write_bytes(data[: len(data) // 3] + bytes(3000) + data[len(data) // 2 :])
    seen = clips.through(broken, tmp_path / "out.mp4", sound=True)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == len(seen)
    assert 10 < len(packets_of(tmp_path / "out.mp4")) < len(packets_of(source))
