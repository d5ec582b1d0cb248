"""What is closed while another thread is inside of libav is closed by that thread, afterwards."""

import os
import threading

import pytest
from recording import INFO, grey
from worlds import World, until

from agent.frames.encoded import EncodedStream
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_source import FileSource


class Camera(threading.Thread):
    """Plays a clip into a pipe, then stalls until it is told to end."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path = folder / "camera.ts"
        os.mkfifo(self.path)
        self._data = World(frames=400).write(folder / "in.ts").read_bytes()
        self._over = threading.Event()

    def run(self):
        with self.path.open("wb", buffering=0) as pipe:
            pipe.write(self._data)
            self._over.wait()

    def end(self):
        self._over.set()


@pytest.mark.slow
def test_a_source_that_stalls(tmp_path):
    camera = Camera(tmp_path)
    camera.start()
    source, given = FileSource(camera.path), []
    reader = threading.Thread(target=lambda: given.extend(source), daemon=True)
    reader.start()
    until(lambda: len(given) > 300)
    source.close()
    source.close()
    assert reader.is_alive()
    camera.end()
    reader.join(30)
    assert not reader.is_alive()
    with pytest.raises(StopIteration):
        next(source)


class SlowDisk:
    """An output whose disk takes a packet only when it is told to."""

    def __init__(self):
        self.reached, self.free = threading.Event(), threading.Event()
        self.said = []

    def start(self, stream):
        assert isinstance(stream, EncodedStream)

    def write(self, _packet):
        self.reached.set()
        self.free.wait(30)
        self.said.append("written")

    def finish(self):
        self.said.append("finished")

    def abort(self):
        self.said.append("aborted")


def test_a_disk_that_stalls():
    disk = SlowDisk()
    sink = EncodingSink(VideoEncoder(INFO, preset="ultrafast"), disk)

    def write_on():
        for pts in range(1000):
            sink.write(grey(pts))

    def write():
        with pytest.raises(RuntimeError, match="aborted already"):
            write_on()

    with sink:
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        assert disk.reached.wait(30)
    assert disk.said == []
    disk.free.set()
    writer.join(30)
    assert disk.said[:1] == ["written"]
    assert disk.said.index("aborted") > disk.said.index("written")
    assert "finished" not in disk.said


def test_a_sink_that_nobody_writes_to_is_aborted_at_once():
    disk = SlowDisk()
    with EncodingSink(VideoEncoder(INFO), disk):
        pass
    assert disk.said == ["aborted"]
