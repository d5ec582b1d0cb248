"""What a file output leaves on the disk, and when."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from recording import INFO, file_sink, grey, leftovers

from agent.errors import OutputError
from agent.frames.encoded import _SEAL, EncodedPacket
from agent.video.encoder import VideoEncoder
from agent.video.file_output import FileOutput


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_fragments_keep_the_times_too(clips, tmp_path, codec):
    source = clips.write(tmp_path / "in.mp4", range(35, 47))
    seen = clips.through(source, tmp_path / "out.mp4", fragmented=True, codec=codec)
    assert clips.seconds(clips.frames_of(tmp_path / "out.mp4")) == clips.seconds(seen)
    assert b"moof" in (tmp_path / "out.mp4").read_bytes()


def test_fragmented_input_is_read_frame_by_frame(clips, tmp_path):
    muxing = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    source = clips.write(tmp_path / "in.mp4", range(40), muxing=muxing, options={"g": "5"})
    seen = clips.through(source, tmp_path / "out.mp4")
    assert [clips.number_of(frame.planes[0]) for frame in seen] == list(range(40))
    assert clips.seconds(clips.frames_of(tmp_path / "out.mp4")) == clips.seconds(seen)


def test_growing_fragmented_file_can_be_played_before_it_is_finished(tmp_path):
    with file_sink(tmp_path / "out.mp4", INFO, fragmented=True, preset="ultrafast") as sink:
        for pts in range(600):  # two groups of pictures
            sink.write(grey(pts))
        [growing] = tmp_path.iterdir()
        with av.open(str(growing)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= 250


def test_hevc_in_mp4_carries_the_tag_that_apple_players_want(clips, clip, tmp_path):
    clips.through(clip, tmp_path / "out.mp4", codec="hevc")
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()


def test_name_appears_only_when_the_file_is_whole(clips, tmp_path):
    output = tmp_path / "out.mp4"
    with file_sink(output, INFO) as sink:
        for pts in range(3):
            sink.write(grey(pts))
        [part] = leftovers(tmp_path)
        assert part.startswith(".out.")
        assert part.endswith(".partial.mp4")
        sink.finish()
        assert leftovers(tmp_path) == ["out.mp4"]
    assert leftovers(tmp_path) == ["out.mp4"]
    assert len(clips.frames_of(output)) == 3


def test_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").touch()
    with file_sink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey())
        sink.finish()
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["out.mp4"] == modes["plain"]


@pytest.mark.parametrize("frames", [0, 3])
def test_leaving_without_finish_leaves_what_was_there_before(tmp_path, frames):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an older result")
    with file_sink(output, INFO, overwrite=True) as sink:
        for pts in range(frames):
            sink.write(grey(pts))
    assert leftovers(tmp_path) == ["out.mp4"]
    assert output.read_bytes() == b"an older result"


def test_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out.mp4").symlink_to(tmp_path / "there" / "real.mp4")
    with file_sink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey())
        sink.finish()
    assert (tmp_path / "out.mp4").is_symlink()
    assert leftovers(tmp_path / "there") == ["real.mp4"]


def test_finish_without_a_frame_is_an_error(tmp_path):
    with (
        file_sink(tmp_path / "out.mp4", INFO) as sink,
        pytest.raises(OutputError, match="no frame"),
    ):
        sink.finish()
    assert leftovers(tmp_path) == []


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import numpy as np
import recording as t

info = replace(t.INFO, width=640, height=360)
noise = np.random.default_rng(0)
with t.file_sink(Path(sys.argv[1]), info, overwrite=True, preset="ultrafast", crf=1) as sink:
    for pts in range(100000):
        y = noise.integers(0, 256, (360, 640), np.uint8)
        sink.write(t.whole((y, y[:180, :320], y[180:, :320]), pts, info))
        print(pts, flush=True)
"""


def child(output, **settings):
    roots = [str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(output), *roots],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def test_killed_run_leaves_no_file_of_the_final_name(tmp_path):
    output = tmp_path / "out.mp4"
    with child(output) as process:
        while int(process.stdout.readline()) < 30:
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    [part] = tmp_path.iterdir()
    assert part.stat().st_size > 100_000  # it was killed in mid-write indeed


def test_full_disk_ends_in_one_line_and_leaves_nothing(tmp_path):
    """A limit on the file's size is what a full disk looks like to a process."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    (tmp_path / "out.mp4").write_bytes(b"an older result")
    with child(tmp_path / "out.mp4", preexec_fn=limit) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "agent.errors.OutputError" in complaint
    assert "out.mp4: can't be written (File too large)" in complaint
    assert leftovers(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"an older result"


def test_disk_that_fills_up_at_the_very_end_is_noticed(tmp_path):
    """The last bytes are written when the file is closed, where an error is easily lost."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    output = tmp_path / "out.mp4"
    try:
        with file_sink(output, INFO) as sink:
            for pts in range(5):
                sink.write(grey(pts))
            resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
            with pytest.raises(OutputError, match="File too large"):
                sink.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.webm", "name it one of .mp4 .m4v .mov .mkv"),
        ("out", "can't write a file without extension"),
        ("folder.mp4", "is a folder"),
        ("absent/out.mp4", "no such folder"),
        ("file/out.mp4", "no such folder"),
        ("x" * 300 + ".mp4", "File name too long"),
    ],
)
def test_bad_output_is_refused_in_one_line(tmp_path, name, reason):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as refusal:
        FileOutput(tmp_path / name)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert leftovers(tmp_path) == ["file", "folder.mp4"]


def test_what_exists_is_refused_before_a_frame_was_written(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"an older result")
    with pytest.raises(OutputError, match="exists already"):
        FileOutput(tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["out.mp4"]


def test_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "out.mp4"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="not an ordinary file"):
        FileOutput(pipe)
    assert pipe.is_fifo()


def test_a_packet_before_the_stream_is_a_mistake(tmp_path):
    output = FileOutput(tmp_path / "out.mp4")
    with pytest.raises(RuntimeError, match="not started"):
        output.write(EncodedPacket(_SEAL, b"\0\0\0\1", 0, 0, is_key=True))
    assert leftovers(tmp_path) == []


def test_a_stream_that_starts_after_the_end_leaves_nothing(tmp_path):
    """Ctrl-C aborts the output while the encoder's thread may still be at its first picture."""
    encoder, output = VideoEncoder(INFO), FileOutput(tmp_path / "out.mp4")
    encoder.encode(grey())
    output.abort()
    with pytest.raises(RuntimeError, match="aborted already"):
        output.start(encoder.stream)
    assert leftovers(tmp_path) == []
