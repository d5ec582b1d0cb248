"""`sfumato live` as a process that is stopped, and whose wall clock is set, while it runs."""

import json
import signal
import threading
import time
from pathlib import Path

import av
import false_clock
import pytest
from camera_stage import Counted, counter_of
from false_clock import FalseClock
from live_process import HELLO, PATIENCE_S, LiveProcess
from networks import PLACE, network
from pushes import STEP_US, pushes
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from worlds import BLACK, Thing, leaks, until, write_world_bundle

from agent.live.wire import CAMERA, Picture

pytestmark = pytest.mark.slow  # processes, and seconds of video in real time

CODED = {"codec": "h264", "width": 160, "height": 96}
WORLD = Counted(Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), (28, 28)), frames=900)
"""Stands where the network sees a person; the frames are told apart by their numbers."""
SECOND = 30
"""Frames."""


@pytest.fixture(scope="module")
def filmed():
    return pushes(WORLD)


@pytest.fixture
def command(tmp_path):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    model = ["--model", str(bundle), "--allow-unsigned", "--effect", "solid"]
    return ["-m", "agent", "live", *model, "--listen", "127.0.0.1:0"]


class Camera:
    """A browser that films at its camera's rate, whatever is answered; a context.

    Attributes:
        came: of each picture: number, luma, why it is covered whole.
        dropped: numbers, in the order in which they were told.
    """

    def __init__(self, address, filmed):
        self._connection = connect(f"ws://{address}/ws", origin=f"http://{address}", proxy=None)
        self._left, self.sent = list(reversed(filmed)), 0
        self.came, self.dropped, self.failed = [], [], None

    def __enter__(self):
        self._socket = self._connection.__enter__()
        self._socket.send(json.dumps({**HELLO, "want": "camera", "stream": None, "camera": CODED}))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *error):
        self._connection.__exit__(*error)
        self._reader.join()

    def film(self, frames):
        for _ in range(frames):
            time_us, data = self._left.pop()
            self.sent += 1
            self._socket.send(bytes(Picture(CAMERA, self.sent, time_us, self.sent == 1, data)))
            time.sleep(STEP_US / 1e6)

    def until_bare(self, number):
        """Until this or a later frame was shown, but for what is hidden in it."""
        until(lambda: any(whole is None and each >= number for each, _, whole in list(self.came)))

    def _read(self):
        decoder = pending = None
        try:
            while True:
                said = self._socket.recv(PATIENCE_S)
                if isinstance(said, bytes):
                    number = int.from_bytes(said[4:8], "big")
                    (picture,) = decoder.decode(av.Packet(said[16:]))
                    pending = number, picture.to_ndarray(format="gray")
                    continue
                told = json.loads(said)
                match told["type"]:
                    case "started":
                        decoder = av.CodecContext.create("h264", "r")
                        decoder.thread_count = 1
                        decoder.flags |= av.codec.context.Flags.low_delay
                    case "objects" if pending is not None:
                        assert told["number"] == pending[0]
                        self.came.append((*pending, told["whole"]))
                        pending = None
                    case "dropped":
                        self.dropped += told["numbers"]
        except ConnectionClosed:
            return
        except Exception as error:
            self.failed = error
            raise


def check(camera):
    """Nobody shows, each number is answered once, and a picture is as new as it is said to be."""
    assert camera.failed is None
    came = list(camera.came)
    assert leaks([luma for _, luma, _ in came]) == {}
    for number, luma, whole in came:
        if whole is None:
            assert counter_of(luma) == number - 1
        else:
            assert luma.max() < BLACK
    shown = [number for number, _, _ in came if number]
    assert shown == sorted(shown)
    answered = [*shown, *camera.dropped]
    assert len(answered) == len(set(answered))
    assert set(answered) >= set(range(1, shown[-1] + 1))


def film_until_bare(camera, first):
    """Until of this frame and later ones a third of a second's were shown, but for what is hidden."""
    while (
        sum(whole is None and each >= first for each, _, whole in list(camera.came)) < SECOND // 3
    ):
        camera.film(1)


def test_a_process_that_was_stopped_for_three_seconds_goes_on_and_shows_nobody(command, filmed):
    with LiveProcess(*command) as server, Camera(server.address, filmed) as camera:
        camera.film(SECOND)
        camera.until_bare(1)
        server.process.send_signal(signal.SIGSTOP)
        try:
            camera.film(3 * SECOND)  # into the socket
        finally:
            server.process.send_signal(signal.SIGCONT)
        after = camera.sent + SECOND // 2
        film_until_bare(camera, after)
        check(camera)
        assert server.process.poll() is None
        assert "Traceback" not in server.said()


@false_clock.NEEDED
def test_a_wall_clock_that_is_set_by_an_hour_both_ways_changes_nothing(
    command, filmed, tmp_path: Path
):
    clock = FalseClock(tmp_path / "clock")
    with (
        LiveProcess(*command, environment=clock.environment) as server,
        Camera(server.address, filmed) as camera,
    ):
        camera.film(SECOND)
        camera.until_bare(1)
        for hours in (1, -1):
            clock.be_wrong_by(hours * 3600)
            film_until_bare(camera, camera.sent + 1)
        check(camera)
        assert server.process.poll() is None
        assert "Traceback" not in server.said()
