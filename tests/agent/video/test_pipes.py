"""What can be read only once is read once, sound and pictures together."""

import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from agent.errors import InputError
from agent.video.file_source import FileSource


@contextmanager
def poured(data, descriptor):
    """Another thread writes `data` into a pipe's or a socket's end, then closes it."""

    def pour():
        with os.fdopen(descriptor, "wb") as end:
            end.write(data)

    thread = threading.Thread(target=pour)
    thread.start()
    yield
    thread.join()


@contextmanager
def pipe(data, _folder):
    end, other = os.pipe()
    with poured(data, other):
        yield Path(f"/proc/self/fd/{end}")
    os.close(end)


@contextmanager
def connection(data, _folder):
    end, other = socket.socketpair()
    with poured(data, other.detach()):
        yield Path(f"/proc/self/fd/{end.fileno()}")
    end.close()


@contextmanager
def named_pipe(data, folder):
    path = folder / "camera"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(data,))
    thread.start()
    yield path
    thread.join()


@contextmanager
def file(data, folder):
    """A shell's `< clip.ts`: a number, too, but one that can be sought in."""
    (folder / "clip").write_bytes(data)
    with (folder / "clip").open("rb") as opened:
        yield Path(f"/proc/self/fd/{opened.fileno()}")


def counts(path):
    """Packets of each stream."""
    with av.open(str(path)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    return kinds.count("video"), kinds.count("audio")


@pytest.mark.slow
@pytest.mark.parametrize("way", [pipe, connection, named_pipe, file])
@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_nothing_is_lost_on_any_way(clips, tmp_path, way, suffix):
    clip = clips.write(tmp_path / f"in{suffix}", range(50), sound="mp2")
    clips.through(clip, tmp_path / "from-file.mp4", sound=True)
    with way(clip.read_bytes(), tmp_path) as path:
        seen = clips.through(path, tmp_path / "out.mp4", sound=True)
    assert [clips.number_of(frame.planes[0]) for frame in seen] == list(range(50))
    pictures, sound = counts(tmp_path / "out.mp4")
    assert (pictures, sound) == counts(tmp_path / "from-file.mp4")
    assert pictures == 50
    assert sound >= 83  # Matroska's first lies before zero


@pytest.mark.slow
def test_an_mp4_whose_index_stands_last_is_refused_with_the_reason(clips, tmp_path):
    """One that is longer than what is read at once."""

    def noise(number, width, height):
        return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)

    clip = clips.write(tmp_path / "in.mp4", range(30), size=(320, 240), draw=noise)
    with (
        pipe(clip.read_bytes(), tmp_path) as path,
        pytest.raises(InputError, match=r"index stands last can't come through a pipe"),
    ):
        FileSource(path)


def test_an_mp4_whose_index_stands_first_is_read(clips, tmp_path):
    muxing = {"movflags": "faststart"}
    clip = clips.write(tmp_path / "in.mp4", range(50), sound="aac", muxing=muxing)
    with pipe(clip.read_bytes(), tmp_path) as path:
        clips.through(path, tmp_path / "out.mp4", sound=True)
    pictures, sound = counts(tmp_path / "out.mp4")
    assert pictures == 50
    assert sound >= 94


def test_a_socket_that_waits_for_a_caller_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind("camera")
        with pytest.raises(InputError, match=r"camera: is a socket; read it into a pipe: nc -U"):
            FileSource("camera")
