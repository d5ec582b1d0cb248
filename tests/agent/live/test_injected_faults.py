"""Faults that are injected into a live run: every picture that comes back is looked at."""

import itertools
import time

import pytest
from camera_stage import Counted, Stage, counter_of
from pushes import STEP_US, pushes
from worlds import BLACK, Eyes, Thing, leaks

from agent.errors import OutputError
from agent.live.showing import live_encoder

pytestmark = pytest.mark.slow  # seconds of video in real time

SIZE = 32
WALKER = Counted(
    Thing(lambda i: (8 + i * 2 // 5, 40), (SIZE, SIZE), luma=200), frames=250
)  # by its own width in 80 frames: what hid it before a fault doesn't hide it after
FAULT_AT = 40
"""The frame with which a fault begins, or the next that is looked at."""


@pytest.fixture(scope="module")
def walk():
    return pushes(WALKER)


@pytest.fixture
def client_of():
    stages = []

    def make(eyes, **more):
        stages.append(Stage(eyes, **more))
        stages[-1].clock.run()
        return stages[-1].open()

    yield make
    for stage in stages:
        stage.close()


class TenfoldSlowly(Eyes):
    """Takes 20 ms for a look, and ten times that for ten of them."""

    looks_left = 10

    def detect(self, frame):
        is_slow = frame.index >= FAULT_AT and self.looks_left > 0
        self.looks_left -= is_slow
        time.sleep(0.2 if is_slow else 0.02)
        return super().detect(frame)


class Stopping(Eyes):
    """Stops once for five seconds, and goes on."""

    has_stopped = False

    def detect(self, frame):
        if not self.has_stopped and frame.index >= FAULT_AT:
            self.has_stopped = True
            time.sleep(5)
        return super().detect(frame)


class EncodersThatFail:
    """Makes the encoders of live streams; one of them fails once, where it is told to."""

    def __init__(self, at):
        self._at, self.failed = at, 0

    def __call__(self, info, wants_key):
        return _Encoder(live_encoder(info, wants_key), self)

    def meet(self, frame):
        if not self.failed and self._at(frame):
            self.failed += 1
            raise OutputError("libx264: a generic error in an external library")


class _Encoder:
    def __init__(self, encoder, faults):
        self._encoder, self._faults = encoder, faults
        self.flush, self.close = encoder.flush, encoder.close

    @property
    def stream(self):
        return self._encoder.stream

    def encode(self, frame):
        self._faults.meet(frame)
        return self._encoder.encode(frame)


def film(client, coded):
    """Send at the camera's rate, or slower where frames aren't taken so fast."""
    for each in coded:
        client.send([each])
        time.sleep(STEP_US / 1e6)


def looked_at(client):
    """Check each picture that came: number, and why it is covered whole, of each."""
    pictures, said = client.watching.lumas(), list(client.watching.said)
    assert len(pictures) == len(said)
    assert leaks(pictures) == {}
    times = client.watching.times
    assert all(before < after for before, after in itertools.pairwise(times))
    for told, picture in zip(said, pictures, strict=True):
        if told["whole"] is None:
            assert counter_of(picture) == told["number"] - 1  # as new as it says it is
        else:
            assert picture.max() < BLACK
    shown = [told["number"] for told in said if told["number"]]
    assert shown == sorted(set(shown))  # each once
    assert not set(shown) & set(client.told.dropped_numbers)
    return [(each["number"], each["whole"]) for each in said]


def bare_after(came, number):
    """How many pictures of what the camera saw came of later frames."""
    return sum(whole is None and each > number for each, whole in came)


def test_a_detector_ten_times_slower_for_two_seconds_shows_nobody(client_of, walk):
    eyes = TenfoldSlowly(WALKER)
    client = client_of(eyes)
    film(client, walk)
    client.until_shown(230)
    came = looked_at(client)
    assert eyes.looks_left == 0
    assert bare_after(came, 0) - bare_after(came, FAULT_AT) >= 30
    assert bare_after(came, 200) >= 20  # fast again, and so are we


def test_a_detector_that_stops_for_five_seconds_is_told_of_and_shows_nobody(client_of, walk):
    eyes = Stopping(WALKER)
    client = client_of(eyes)
    film(client, walk)
    client.until_shown(230)
    came = looked_at(client)
    beats = [whole for number, whole in came if number == 0 and whole == "result is late"]
    assert len(beats) >= 5  # 9 at two a second where the machine does nothing else
    assert bare_after(came, 220) >= 10


def test_an_encoder_that_fails_at_a_picture_is_replaced_and_shows_nobody(client_of, walk):
    encoders = EncodersThatFail(lambda frame: frame.index == FAULT_AT)
    client = client_of(Eyes(WALKER), encoder=encoders)
    film(client, walk)
    client.until_shown(230)
    came = looked_at(client)
    assert encoders.failed == 1
    assert "a fault" in client.told.dropped_numbers.values()
    assert client.told.keys >= 1
    assert bare_after(came, 150) >= 50


def test_an_encoder_that_fails_while_nothing_can_be_shown_has_that_told_on(client_of, walk):
    encoders = EncodersThatFail(lambda frame: frame.whole == "result is late")
    client = client_of(Stopping(WALKER), encoder=encoders)
    film(client, walk)
    client.until_shown(230)
    came = looked_at(client)
    assert encoders.failed == 1
    assert sum(number == 0 and whole == "result is late" for number, whole in came) >= 4
    assert bare_after(came, 220) >= 10
