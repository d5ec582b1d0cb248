"""A browser's camera from its pushed pictures to what its viewers decode: nothing shows, ever."""

import itertools
import random
import threading

import cv2
import numpy as np
import pytest
from camera_stage import WALKER, Counted, Stage, counter_of
from pushes import STEP_US, Told, pushes, pushing
from watching import Watching
from worlds import (
    LEAK,
    Eyes,
    FailingAt,
    HangingAt,
    NanAt,
    Thing,
    World,
    leaks,
    linear,
    until,
)

from agent.errors import InputError, OutputError
from agent.live.heartbeat import Gap
from agent.live.numbers import Numbers
from agent.live.show import BusyError, Key, Pause, Resume, Seek, Step
from agent.live.showing import Showing
from agent.video.fanout import Fanout
from agent.video.pushed import PushedSource
from agent.video.pushed_packets import LEAST_STEP_US, PushedPackets


@pytest.fixture
def stage_of():
    stages = []

    def make(*args, **more):
        stages.append(Stage(*args, **more))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture(scope="module")
def walk():
    return pushes(WALKER)


def test_each_picture_shows_the_frame_of_its_number_and_nobody_shows(stage_of, walk):
    client = stage_of(Eyes(WALKER)).open()
    client.send(walk)
    client.until_shown(50)
    pictures, numbers = client.watching.lumas(), client.numbers
    assert len(pictures) >= 50
    assert leaks(pictures) == {}
    real = [(n, picture) for n, picture in zip(numbers, pictures, strict=False) if n]
    assert [counter_of(picture) for _, picture in real] == [n - 1 for n, _ in real]
    assert all(before < after for before, after in itertools.pairwise(client.watching.times))
    said = next(each for each in client.watching.said if each["number"] == 30)
    assert {seen["label"] for seen in said["objects"]} == {"person"}
    assert client.told.dropped_numbers == {}
    state = client.camera.state()
    assert (state.state, state.every, state.latency, state.seekable) == ("live", 3, "short", False)


def test_a_picture_leaves_no_later_than_two_looks_let_it(stage_of, walk):
    """What is held back when no more comes is told by what has come out."""
    client = stage_of(Eyes(WALKER)).open()
    client.send(walk)
    assert client.camera.state().hold_back_frames == 12  # where many share
    client.until_shown(len(walk) - 8)


def test_another_size_begins_another_stream_in_which_nobody_shows_either(stage_of, walk):
    larger = Counted(Thing(linear(20, 60, 1), (48, 48), luma=200), frames=40, size=(208, 128))
    client = stage_of(Eyes(WALKER)).open()
    client.send(walk[:30])
    client.send(pushes(larger, first_us=walk[30][0]))
    client.until_shown(60)
    assert [stream.width for stream in client.watching.streams] == [160, 208]
    pictures = client.watching.lumas()
    assert leaks(pictures) == {}
    sizes = [picture.shape[1] for picture in pictures]
    assert sizes == sorted(sizes)
    assert all(before < after for before, after in itertools.pairwise(client.watching.times))


@pytest.mark.parametrize(
    ("kind", "reason"), [(FailingAt, "detector failed"), (NanAt, "no valid result")]
)
def test_a_detector_that_fails_has_pictures_covered_whole_and_comes_back(
    stage_of, walk, kind, reason
):
    client = stage_of(kind(WALKER, range(15, 24))).open()
    client.send(walk)
    client.until_shown(50)
    assert leaks(client.watching.lumas()) == {}
    assert reason in client.reasons
    assert client.reasons[0] is None
    assert client.reasons[40] is None


def test_a_detector_that_hangs_is_told_of_by_pictures_and_holds_up_no_end(stage_of, walk):
    eyes = HangingAt(WALKER, range(12, 60))
    try:
        stage = stage_of(eyes)
        client = stage.open()
        stage.let_time_run(client, walk[:14])
        client.send(walk[14:40])
        until(lambda: sum(said["whole"] == "result is late" for said in client.watching.said) >= 3)
        assert leaks(client.watching.lumas()) == {}
        client.camera.close("gone")
        until(lambda: stage.cameras.clients == 0)
        assert stage.pool.lanes == 0
    finally:
        eyes.release()


def test_nothing_but_covered_pictures_comes_before_the_first_result(stage_of, walk):
    eyes = HangingAt(WALKER, [0])
    try:
        stage = stage_of(eyes)
        client = stage.open()
        stage.let_time_run(client, walk[:2])
        client.send(walk[2:20])
        until(lambda: len(client.watching.said) >= 3)
        assert {said["whole"] for said in client.watching.said} == {"no result yet"}
        pictures = client.watching.lumas()
        assert all(picture.max() < 40 for picture in pictures)
        assert client.camera.state().state == "connecting"
    finally:
        eyes.release()
    # What waited too long is gone, up to the next key.
    client.send_again_until(lambda: client.has_shown(45), walk)
    assert leaks(client.watching.lumas()) == {}


def test_pause_passes_pictures_over_and_resume_shows_now(stage_of, walk):
    client = stage_of(Eyes(WALKER)).open()
    client.send(walk[:30])
    assert client.camera.do(Pause()) is None
    assert client.camera.do(Pause()) is None
    client.send(walk[30:40])
    assert client.camera.state().state == "paused"
    assert set(client.told.dropped_numbers.values()) == {"paused"}
    assert client.camera.state().dropped == 10
    assert client.told.keys == 0
    assert client.camera.do(Resume()) is None
    assert client.told.keys == 1
    client.send(pushes(WALKER)[:1] + walk[1:30])
    client.until_shown(60)
    assert client.camera.state().state == "live"
    assert leaks(client.watching.lumas()) == {}
    assert "seekable" in client.camera.do(Seek(1.0))
    assert "pause" in client.camera.do(Step())
    keys = sum(packet.is_key for packet, _ in client.watching.packets)
    assert client.camera.do(Key()) is None
    client.send([(us + 60 * STEP_US, data) for us, data in walk[:1] + walk[1:30]])
    client.until_shown(90)
    assert sum(packet.is_key for packet, _ in client.watching.packets) > keys


def test_what_can_not_be_used_is_answered_in_words_and_shown_on(stage_of, walk):
    client = stage_of(Eyes(WALKER)).open()
    client.send([(0, b"\0\0\0\x20" + bytes(40))])
    assert "annexb" in client.told.dropped_numbers[1]
    state = client.camera.state()
    assert (state.state, "annexb" in state.why) == ("reconnecting", True)
    client.send(walk[:40])
    client.until_shown(30)
    assert client.camera.state().state == "live"


def test_one_more_than_may_be_is_told_so_and_a_place_is_free_again(stage_of):
    stage = stage_of(Eyes(WALKER))
    clients = [stage.open() for _ in range(5)]
    with pytest.raises(BusyError) as busy:
        stage.open()
    assert (busy.value.clients, busy.value.limit) == (5, 5)
    assert len({client.camera.name for client in clients}) == 5
    clients[2].camera.close("gone")
    until(lambda: stage.cameras.clients == 4)
    assert clients[2].watching.over == "gone"
    assert stage.open().camera.name == clients[2].camera.name


def test_what_there_is_no_time_for_is_counted(stage_of, walk):
    """Pushed out by newer ones, which happens when the first two seconds are over."""
    eyes = HangingAt(WALKER, range(30, 60))
    try:
        stage = stage_of(eyes)
        client = stage.open()
        client.send(walk[:30])
        assert client.camera._showing.dropped == 0
        stage.clock.run()
        client.send_again_until(lambda: client.camera._showing.dropped, walk)
    finally:
        eyes.release()


def test_where_many_share_the_detector_it_looks_less_often_and_no_less_than_may_be(stage_of, walk):
    stage = stage_of(Eyes(WALKER))
    clients = [stage.open() for _ in range(2)]
    assert [client.camera.state().every for client in clients] == [3, 3]
    clients.append(stage.open())
    assert [client.camera.state().every for client in clients] == [5, 5, 5]
    clients[0].send(walk)
    clients[0].until_shown(40)
    assert leaks(clients[0].watching.lumas()) == {}
    clients.pop().camera.close("gone")
    until(lambda: [client.camera.state().every for client in clients] == [3, 3])


def test_a_page_that_is_loaded_twenty_times_leaves_nothing_behind(stage_of, walk):
    stage = stage_of(Eyes(WALKER))
    before = threading.active_count()
    for _ in range(20):
        client = stage.open()
        client.send(walk[:4])
        client.camera.close("loaded anew")
        until(lambda: stage.cameras.clients == 0)
    until(lambda: threading.active_count() <= before)
    assert stage.pool.lanes == 0


class BreakingAt:
    """An output whose disk, or network, fails at a packet."""

    def __init__(self, output, at):
        self._output, self._left = output, at

    def start(self, stream):
        self._output.start(stream)

    def write(self, packet):
        self._left -= 1
        if self._left < 0:
            raise OutputError("it broke")
        self._output.write(packet)

    def finish(self):
        self._output.finish()

    def abort(self):
        self._output.abort()


def test_what_fails_behind_the_encoder_ends_a_run_and_lets_go_of_its_lane(stage_of, walk):
    stage, fanout = stage_of(Eyes(WALKER)), Fanout()
    watching = Watching(fanout)
    packets = PushedPackets("h264", Told())
    for number, (time_us, data) in enumerate(walk, 1):
        packets.push(number, time_us, data)
    gap = Gap(LEAST_STEP_US)
    showing = Showing("odd", stage.analysis, stage.capacity, fanout, Numbers(), gap)
    source = PushedSource(packets, lambda _number, _pts: None)
    with pytest.raises(OutputError, match="it broke"):
        showing.run(source, BreakingAt(fanout, 10))
    packets.close()
    assert stage.pool.lanes == 0
    assert leaks(watching.lumas()) == {}


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_where_each_twentieth_is_lost_nobody_shows_and_keys_are_asked_for(stage_of, codec):
    """Its encoder sends keys only where it is asked; decoders would go on without what was lost."""
    world = Counted(Thing(linear(4, 30, 2), luma=200), frames=60)
    client = stage_of(Eyes(world)).open(codec)
    told, arrived, keys = client.told, [], 0

    def wants_key():
        nonlocal keys
        until(lambda: len(told.answered) >= len(arrived) - 3)
        before, keys = keys, told.keys
        return keys > before

    coded = pushing(world, codec, group=600, wants_key=wants_key)
    for number, (time_us, data) in enumerate(coded, 1):
        if number % 20 != 10:
            arrived.append(number)
            client.camera.push(number, time_us, False, data)
    client.until_shown(50)
    pictures, numbers = client.watching.lumas(), client.numbers
    assert leaks(pictures) == {}
    real = [(n, picture) for n, picture in zip(numbers, pictures, strict=False) if n]
    assert [counter_of(picture) for _, picture in real] == [n - 1 for n, _ in real]
    assert told.dropped_numbers == {11: "no key", 31: "no key", 51: "no key"}
    assert told.keys == 3
    until(lambda: len(told.answered) >= len(arrived) - 1)  # the last waits for another
    assert sorted([*told.dropped_numbers, *told.taken_numbers]) == arrived[: len(told.answered)]


class Bright(Eyes):
    """Sees whatever is bright, also what a damaged picture makes up."""

    def detect(self, frame):
        seen = World(Thing(linear(0, 0), luma=200))
        luma = np.where(frame.planes[0] > LEAK - 25, 200, 0).astype(np.uint8)
        return Eyes(seen).detect(type(frame)((luma,), 0, 0, frame.time_base, frame.colour))


def mutated(coded, random_, share=0.3):
    """Some with bytes turned, cut off or doubled; headers and first bytes, too."""
    for time_us, data in coded:
        spoilt = bytearray(data)
        if random_.random() < share:
            for _ in range(random_.randint(1, 4)):
                spoilt[random_.randrange(len(spoilt))] = random_.randrange(256)
            if random_.random() < 0.2:
                del spoilt[random_.randrange(5, len(spoilt)) :]
        yield time_us, bytes(spoilt)


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "count"), [("h264", 10_000), ("vp8", 3_000)])
def test_thousands_of_mutated_pictures_raise_nothing_and_each_is_answered(codec, count):
    random_, told, failed = random.Random(16), Told(), []  # noqa: S311 the same each time
    walk, packets = pushes(WALKER, codec), PushedPackets(codec, told)

    def read():
        source = PushedSource(packets, lambda _number, _pts: None)
        try:
            while source is not None:
                for frame in source:
                    assert max(frame.size) <= 1920
                source = source.successor()
        except InputError as error:
            failed.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    numbers = itertools.count(1)
    for lap in range(count // len(walk) + 1):
        again = [(time_us + lap * 60 * STEP_US, data) for time_us, data in walk]
        for (time_us, data), number in zip(mutated(again, random_), numbers, strict=False):
            until(lambda sent=number: sent - len(told.answered) < 8)
            try:
                packets.push(number, time_us, data)
            except InputError:
                told.dropped([number], "refused")
    until(lambda: len(told.answered) >= number - 1)  # the last is taken when another is asked for
    packets.close()
    reader.join(60)
    assert failed == ["the camera was closed"]
    reasons = set(told.dropped_numbers.values())
    assert reasons >= {"refused", "damaged"}


def largest_bright_patch(picture):
    found = cv2.connectedComponentsWithStats((picture > LEAK).astype(np.uint8))[2]
    return max(found[1:, cv2.CC_STAT_AREA], default=0)


@pytest.mark.slow
def test_of_mutated_pictures_nothing_shows(stage_of, walk):
    """Each is looked at, for what damage makes up is in one picture and gone in the next."""
    client = stage_of(Bright(WALKER), every=1).open()
    random_ = random.Random(17)  # noqa: S311 the same each time
    for lap in range(12):
        again = [(time_us + lap * 60 * STEP_US, data) for time_us, data in walk]
        client.send(mutated(again, random_, 0.1))
    client.send([(time_us + 720 * STEP_US, data) for time_us, data in walk])
    client.until_shown(12 * 60 + 50)
    pictures = client.watching.lumas()
    assert max(map(largest_bright_patch, pictures)) < 12  # which eyes take for nothing
    assert "damaged stream" in client.reasons
    assert client.reasons.count(None) > 100
