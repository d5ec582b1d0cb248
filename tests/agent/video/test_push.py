"""Streams that are pushed to real servers, which die, hang, refuse and come back."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from coded import STREAM
from push_targets import RtmpTarget, RtspTarget
from recording import INFO, number_of, numbered

from agent.errors import UsageError
from agent.frames.encoded import _SEAL, EncodedPacket
from agent.video.encoder import VideoEncoder
from agent.video.push import PushOutput

pytestmark = pytest.mark.slow

CAMERA = replace(
    INFO, width=320, height=192, frame_rate=Fraction(30), time_base=Fraction(1, 90_000)
)
PATIENCE_S = 60
SECRET = "s3cr3t-p@ss"  # noqa: S105 - a test's


class Feeder:
    """A camera in front of a push, which shows a picture when it is told to."""

    def __init__(self, push, info=CAMERA):
        self.push, self.info = push, info
        self.encoder = VideoEncoder(info, wants_key=push.wants_key, preset="ultrafast")
        self.fed = 0
        self._is_started = False

    def feed(self):
        picture = numbered(self.fed, 3000 * self.fed, self.info)
        (packet,) = self.encoder.encode(picture)
        if not self._is_started:
            self._is_started = True
            self.push.start(self.encoder.stream)
        self.push.write(packet)
        self.fed += 1

    def feed_until(self, is_so):
        """Picture after picture; the state in which it is so."""
        until = time.monotonic() + PATIENCE_S
        while not is_so(state := self.push.state()):
            assert time.monotonic() < until, state
            self.feed()
            time.sleep(0.01)
        return state

    def feed_all(self, pictures):
        """Each once the server has taken the one before."""
        for _ in range(pictures):
            sent = self.push.state().sent
            self.feed()
            wait_for(lambda sent=sent: self.push.state().sent > sent)


def wait_for(is_so):
    until = time.monotonic() + PATIENCE_S
    while not (found := is_so()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def numbers(target, path):
    return [number_of(frame.to_ndarray()[: frame.height]) for frame in target.shown(path)]


@pytest.fixture(params=[RtspTarget, RtmpTarget])
def target(request, tmp_path):
    with running(request.param(tmp_path)) as target:
        yield target


@pytest.fixture
def rtsp(tmp_path):
    with running(RtspTarget(tmp_path)) as target:
        yield target


@contextmanager
def running(target):
    try:
        target.start()
        yield target
    finally:
        target.kill()


def test_every_picture_arrives_and_they_do_again_when_the_server_was_away(target):
    push = PushOutput(target.url, name="door")
    assert push.state().state == "connecting"
    feeder = Feeder(push)
    feeder.feed_all(40)
    assert push.state().state == "pushing"
    (first,) = target.files()
    wait_for(lambda: 38 in numbers(target, first))  # a parser may hold the newest
    target.kill()
    state = feeder.feed_until(lambda state: state.state == "reconnecting" and state.failures > 1)
    assert "refused" in state.why
    target.start()
    away = feeder.fed
    feeder.feed_until(lambda now: now.sent > state.sent)
    feeder.feed_all(10)
    last = target.files()[-1]
    wait_for(lambda: feeder.fed - 2 in numbers(target, last))
    push.finish()
    push.close()
    end = push.state()
    assert (end.state, end.why) == ("ended", None)
    assert end.sent + end.dropped == feeder.fed
    shown = numbers(target, last)
    assert shown == list(range(shown[0], shown[-1] + 1))  # from a key on, and none is missing
    assert shown[0] >= away
    before = numbers(target, first)
    assert before == list(range(len(before)))


def test_a_server_that_takes_nothing_costs_little_and_holds_nobody_up(rtsp):
    push = PushOutput(rtsp.url, name="door", stall_s=0.5)
    feeder = Feeder(push)
    feeder.feed_all(3)
    rtsp.freeze()
    before_kib, pts = resident_kib(), 3000 * feeder.fed
    most_kib = before_kib
    noise = os.urandom(100_000).replace(b"\0", b"\1")

    def overfeed():
        nonlocal pts, most_kib
        pts += 3000
        most_kib = max(most_kib, resident_kib())
        push.write(EncodedPacket(_SEAL, b"\0\0\0\1\x61" + noise, pts, pts, is_key=False))
        time.sleep(0.002)
        return push.state().state == "reconnecting"

    wait_for(overfeed)
    assert push.state().why == "took nothing for 0.5 s"
    for _ in range(200):
        overfeed()
    assert push.state().dropped > 100
    assert most_kib - before_kib <= 5 * 1024
    sent = push.state().sent
    rtsp.thaw()
    feeder.fed = pts // 3000 + 1
    feeder.feed_until(lambda state: state.sent > sent + 3)
    push.close()


def resident_kib():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


def test_a_stream_of_another_size_is_a_push_of_its_own(rtsp):
    push = PushOutput(rtsp.url, name="door")
    larger = replace(CAMERA, width=640, height=384)

    def sizes():
        return [[(each.width, each.height) for each in rtsp.shown(path)] for path in rtsp.files()]

    for info in (CAMERA, larger):
        feeder = Feeder(push, info)
        feeder.feed_all(5)
        # The newest may stay in a parser, and is lost where the server isn't told in time.
        wait_for(lambda info=info: (sizes() or [[]])[-1].count((info.width, info.height)) >= 4)
        push.finish()
    push.close()
    assert [set(each) for each in sizes()] == [{(320, 192)}, {(640, 384)}]


def test_a_wrong_password_is_told_as_such_and_stands_nowhere(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with running(RtspTarget(tmp_path, user="pusher", password="right")) as target:  # noqa: S106
        address = target.url.removeprefix("rtsp://")
        push = PushOutput(f"rtsp://pusher:right@{address}", name="door")
        Feeder(push).feed_all(2)
        push.close()
        wrong = {
            f"rtsp://pusher:{SECRET}@{address}": "asks for another password (401); give the right one with its address",
            f"rtsp://pusher:right@{address}-not?token={SECRET}": "has no such path (404); correct the address",
        }
        feeders = [Feeder(PushOutput(url, name="door")) for url in wrong]
        for feeder in feeders:
            feeder.feed_until(lambda state: state.failures)
        until = time.monotonic() + 1.1  # by then they would be tried again, were this no refusal
        while time.monotonic() < until:
            for feeder in feeders:
                feeder.feed()
            time.sleep(0.01)
        states = [feeder.push.state() for feeder in feeders]
        assert [(state.why, state.failures) for state in states] == [
            (why, 1) for why in wrong.values()
        ]
        told = f"{caplog.text} {states} {[feeder.push._target for feeder in feeders]!r}"
        assert "s3cr3t" not in told
        assert str(target.port) not in told
        for feeder in feeders:
            feeder.push.close()
    assert "door: not pushed: asks for another password (401)" in caplog.text


@pytest.fixture
def deaf():
    """The address of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/door"


def test_a_server_that_gives_no_answer_is_left_and_tried_again(deaf):
    push = PushOutput(deaf, name="door", open_s=0.2)
    state = Feeder(push).feed_until(lambda state: state.failures > 1)
    assert state.why == "gave no answer for 0.2 s"
    assert state.sent == 0
    push.close()


CHILD = """
import sys
from test_push import Feeder, PushOutput
push = PushOutput(sys.argv[1], name="door", open_s=1000)
Feeder(push).feed()
input()
"""


def test_no_process_is_left_of_one_that_was_killed(deaf):
    """libav waits for ever, for a server as for anything else."""
    places = [*sys.path, str(Path(__file__).parent)]
    killed = subprocess.Popen(
        [sys.executable, "-c", CHILD, deaf],
        stdin=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))},
    )
    child = wait_for(lambda: child_of(killed.pid))
    wait_for(lambda: b"push_child" in Path(f"/proc/{child}/cmdline").read_bytes())
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    wait_for(lambda: is_gone(child))


def child_of(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return next((int(each) for task in tasks for each in task.read_text().split()), None)


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@127.0.0.1/door",
        f"rtsp://user:{SECRET}@/door",
        f"rtsp://user:{SECRET}@127.0.0.1:door/",
        "rtsp://[::1/door",
        "/dev/video0",
    ],
)
def test_nothing_else_is_pushed_to_and_the_address_is_not_shown(url):
    with pytest.raises(UsageError, match="rtsp://HOST/PATH or rtmp://HOST/APP/NAME") as caught:
        PushOutput(url, name="door")
    assert "s3cr3t" not in str(caught.value)


def test_closing_what_never_started_is_harmless():
    push = PushOutput("rtmp://127.0.0.1/live/door", name="door")
    with pytest.raises(TypeError, match="not redacted"):
        push.start(replace(STREAM, seal=_SEAL, annotated=True))
    push.close()
    push.close()
    assert push.state().state == "ended"
