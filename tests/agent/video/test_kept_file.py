"""One file of a service: no session replaces another's, and none loses what was written."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from recording import INFO, leftovers, number_of, numbered

from agent.errors import OutputError
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.kept_file import KeptFile

CAMERA = replace(INFO, time_base=Fraction(1, 90_000), duration_s=None)


def session(path, frames=50, *, finishes=True):
    output = KeptFile(path)
    with EncodingSink(VideoEncoder(CAMERA, clock=output.clock(CAMERA), gop_s=2), output) as sink:
        for n in range(frames):
            sink.write(numbered(n, 10**6 + n * 3600, CAMERA))
        if finishes:
            sink.finish()


def numbers_in(clips, path):
    return [number_of(frame.planes[0]) for frame in clips.frames_of(path)]


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".MP4"])
def test_a_session_is_a_file(clips, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    session(path)
    assert leftovers(tmp_path) == [path.name]
    assert numbers_in(clips, path) == list(range(50))


def test_no_session_replaces_another(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"a person's")
    (tmp_path / "out-3.mp4").symlink_to("nowhere")
    for _ in range(3):
        session(tmp_path / "out.mp4")
    assert leftovers(tmp_path) == [f"out{n}.mp4" for n in ("-2", "-3", "-4", "-5", "")]
    assert (tmp_path / "out.mp4").read_bytes() == b"a person's"
    assert (tmp_path / "out-3.mp4").is_symlink()


def test_a_camera_that_dies_takes_nothing_along(clips, tmp_path):
    session(tmp_path / "out.mp4", finishes=False)
    [name] = leftovers(tmp_path)
    seen = numbers_in(clips, tmp_path / name)
    assert seen == list(range(len(seen)))
    assert len(seen) >= 43


def test_a_session_without_a_picture_leaves_nothing(tmp_path):
    KeptFile(tmp_path / "out.mp4").abort()
    session(tmp_path / "out.mp4", 1, finishes=False)
    output = KeptFile(tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="no frame to write"):
        output.finish()
    output.abort()
    output.abort()
    assert leftovers(tmp_path) == []


def test_a_session_that_can_not_be_kept_leaves_nothing_open(tmp_path):
    """Neither a descriptor nor the lock on it, which would keep out every later session."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for finishes in (True, False):
        output = KeptFile(tmp_path / "out.mp4")
        with EncodingSink(
            VideoEncoder(CAMERA, clock=output.clock(CAMERA), gop_s=2), output
        ) as sink:
            for n in range(50):
                sink.write(numbered(n, n * 3600, CAMERA))
            (tmp_path / ".out.mp4.part").unlink()
            if finishes:
                with pytest.raises(OutputError, match="can't be written"):
                    sink.finish()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_another_agent_writes_is_not_taken_for_a_left_over(tmp_path):
    """Locks are a process's own, so this one is another."""
    path = tmp_path / "out.mp4"
    output = KeptFile(path)
    program = f"""
import sys
sys.path[:0] = sys.argv[1:]
from pathlib import Path
from agent.errors import OutputError
from agent.video.kept_file import KeptFile
try:
    KeptFile(Path({str(path)!r}))
except OutputError as error:
    print(error)
"""
    other = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parents[3])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == f"{path}: another agent writes it\n"
    output.abort()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.mkv", "name it one of .mp4 .m4v .mov"),
        ("absent/out.mp4", "no such folder"),
        (".", "is a folder"),
    ],
)
def test_bad_output_is_refused_in_one_line(tmp_path, name, reason):
    with pytest.raises(OutputError) as refusal:
        KeptFile(tmp_path / name)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert leftovers(tmp_path) == []
