"""Sound goes over as it is, and only where the container takes it."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from recording import file_sink

from agent.errors import InputError, OutputError
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
    seen = clips.through(source, output, audio_from=source)
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
        FileSource(source) as frames,
        file_sink(output, frames.info, audio_from=source) as sink,
    ):
        for _ in range(20):
            sink.write(clips.redacted(next(frames)))
        sink.finish()
    last, _ = packets_of(output)[-1]
    assert 0.7 < last < 0.8  # seconds


def test_sound_moves_with_pictures_that_start_before_zero(clips, tmp_path):
    source = clips.write(tmp_path / "in.mp4", range(50), sound="aac")
    output = tmp_path / "out.mp4"
    with (
        FileSource(source) as frames,
        file_sink(output, frames.info, audio_from=source) as sink,
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
    clips.through(clip, tmp_path / "out.mp4", audio_from=clip)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == 12


def test_language_is_the_only_tag_that_stays(clips, tmp_path):
    def name_languages(output, _):
        speech = output.streams.audio[0]
        speech.metadata.update({"language": "fre", "title": "Ann and Bob at dinner"})

    source = clips.write(tmp_path / "in.mkv", sound="aac", prepare=name_languages)
    clips.through(source, tmp_path / "out.mkv", audio_from=source)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].language == "fre"
        assert "title" not in container.streams.audio[0].metadata


def test_sound_that_the_container_cannot_hold_is_refused_with_the_remedy(clips, tmp_path):
    source = clips.write(tmp_path / "in.mkv", sound="wavpack")
    with pytest.raises(OutputError, match=r"can't hold wavpack sound.*--audio drop"):
        clips.through(source, tmp_path / "out.mp4", audio_from=source)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    clips.through(source, tmp_path / "out.mkv", audio_from=source)
    assert packets_of(tmp_path / "out.mkv")


def test_damaged_sound_does_not_stop_the_pictures(clips, tmp_path):
    source = clips.write(tmp_path / "in.mkv", range(50), sound="aac")
    broken = tmp_path / "broken.mkv"
    data = source.read_bytes()
    broken.write_bytes(data[: len(data) // 3] + bytes(3000) + data[len(data) // 2 :])
    clips.through(source, tmp_path / "out.mp4", audio_from=broken)
    assert len(clips.frames_of(tmp_path / "out.mp4")) == 50
    assert 10 < len(packets_of(tmp_path / "out.mp4")) < len(packets_of(source))


def test_sound_from_nowhere_is_an_input_error(clips, clip, tmp_path):
    with pytest.raises(InputError, match=r"absent\.mp4: No such file"):
        clips.through(clip, tmp_path / "out.mp4", audio_from=tmp_path / "absent.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
