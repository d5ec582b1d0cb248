"""Gaps: which events are asked for, when, and when they are given up. No IO; time is a number."""

import random
from itertools import pairwise

import pytest

from agent.fleet.gaps import MAX_BACKOFF_S, STRIDE, Ask, Gaps, Lost

LONG_S = 100.0


class World:
    """Devices that keep some events, and a line between them and `Gaps` that loses messages."""

    def __init__(self):
        self.gaps, self.now_s = Gaps(), 0.0
        self.kept = {}  # by device and epoch
        self.asks, self.lost, self.fresh = [], [], []

    def hear(self, seq, device="gate", epoch="a"):
        if self.gaps.heard(device, epoch, seq, self.now_s):
            self.fresh.append((device, epoch, seq))

    def say(self, seq, epoch="a"):
        self.gaps.said("gate", epoch, seq, self.now_s)

    def greet(self, device="gate", *, online=True):
        self.gaps.present(device, online=online, now_s=self.now_s)

    def answer(self, ask, passes=lambda _: True):
        """As a device does: what it still has comes again, as far as the line lets it pass."""
        kept = self.kept.get((ask.device, ask.epoch), set())
        wanted = sorted(seq for seq in kept if ask.first <= seq <= ask.last)
        if not wanted:
            self.lost += self.gaps.not_found(ask, self.now_s)
            return
        for seq in filter(passes, wanted):
            self.hear(seq, ask.device, ask.epoch)
        self.gaps.promised(ask, self.now_s)

    def pass_time(self, seconds, passes=lambda _: True, step_s=0.5):
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += step_s
            for ask in self.gaps.due(self.now_s):
                self.asks.append(ask)
                self.answer(ask, passes)


@pytest.fixture
def world():
    world = World()
    world.greet()
    return world


def test_what_comes_in_order_is_never_asked_for(world):
    for seq in range(1, 50):
        world.hear(seq)
    world.pass_time(LONG_S)
    assert world.asks == []
    assert len(world.fresh) == 49


def test_what_came_twice_is_new_once(world):
    for seq in (1, 2, 2, 1):
        world.hear(seq)
    assert world.fresh == [("gate", "a", 1), ("gate", "a", 2)]


def test_a_number_that_was_passed_over_is_asked_for_after_a_while(world):
    world.kept["gate", "a"] = {2, 3}
    world.hear(1)
    world.hear(4)
    world.pass_time(2)
    assert world.asks == []  # it may be on its way
    world.pass_time(3)
    assert world.asks == [Ask("gate", "a", 2, 3)]
    assert sorted(seq for *_, seq in world.fresh) == [1, 2, 3, 4]


def test_what_comes_by_itself_meanwhile_is_not_asked_for(world):
    world.hear(1)
    world.hear(3)
    world.hear(2)
    world.pass_time(LONG_S)
    assert world.asks == []


def test_what_the_device_no_longer_has_is_lost_and_never_asked_for_again(world):
    world.kept["gate", "a"] = {4}
    for seq in (1, 2, 6):
        world.hear(seq)
    world.pass_time(LONG_S)
    assert world.lost == [
        Lost("gate", "a", 5, 5, before=False),
        Lost("gate", "a", 3, 3, before=False),
    ]
    asked = len(world.asks)
    world.hear(7)
    world.pass_time(LONG_S)
    assert len(world.asks) == asked


def test_what_was_given_up_and_comes_after_all_is_taken(world):
    world.hear(1)
    world.hear(3)
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "a", 2, 2, before=False)]
    world.hear(2)
    assert ("gate", "a", 2) in world.fresh


def test_what_an_earlier_run_had_given_up_is_taken_as_well_and_not_asked_for(world):
    world.gaps.loaded("gate", "a", 1, 4)
    world.gaps.loaded("gate", "a", 2, 3, lost=True)
    world.gaps.loaded("gate", "b", 2, 3, lost=True)
    world.hear(4, epoch="b")
    world.hear(3, epoch="b")
    assert world.fresh == [("gate", "b", 4), ("gate", "b", 3)]
    world.pass_time(LONG_S)
    assert {(ask.first, ask.last) for ask in world.asks} == {(1, 1)}


def test_what_was_before_anything_was_heard_is_asked_for_and_no_loss(world):
    world.kept["gate", "a"] = {7, 8, 9}
    world.hear(10)
    world.pass_time(LONG_S)
    assert sorted(seq for *_, seq in world.fresh) == [7, 8, 9, 10]
    assert world.lost == [Lost("gate", "a", 1, 6, before=True)]


def test_a_later_epoch_that_begins_late_is_a_loss(world):
    world.hear(1, epoch="a")
    world.hear(3, epoch="b")
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "b", 1, 2, before=False)]


def test_what_a_device_says_it_has_and_nobody_heard_is_asked_for_after_a_while(world):
    world.hear(1)
    world.hear(2)
    world.kept["gate", "a"] = {1, 2, 3, 4}
    world.say(4)
    world.pass_time(2)
    assert world.asks == []  # it may be on its way
    world.pass_time(LONG_S)
    assert world.asks == [Ask("gate", "a", 3, 4)]
    assert sorted(seq for *_, seq in world.fresh) == [1, 2, 3, 4]
    assert world.lost == []


def test_a_device_that_was_never_heard_is_asked_for_everything(world):
    world.kept["gate", "a"] = {3, 4}
    world.say(4)
    world.pass_time(LONG_S)
    assert sorted(seq for *_, seq in world.fresh) == [3, 4]
    assert world.lost == [Lost("gate", "a", 1, 2, before=True)]


def test_of_a_device_that_was_never_heard_and_has_nothing_left_nothing_is_a_loss(world):
    world.say(4)
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "a", 1, 4, before=True)]


def test_an_end_that_the_device_no_longer_has_is_a_loss(world):
    world.hear(1)
    world.say(3)
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "a", 2, 3, before=False)]


def test_a_memory_that_was_lost_before_anything_of_it_was_heard_is_a_loss(world):
    world.hear(1, epoch="a")
    world.say(2, epoch="b")
    world.say(1, epoch="c")
    world.kept["gate", "c"] = {1}
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "b", 1, 2, before=False)]
    assert ("gate", "c", 1) in world.fresh


def test_of_what_was_deleted_here_nothing_is_asked_for_in_vain_for_ever(world):
    world.gaps.loaded("gate", "a", 5, 6, lost=True)
    world.pass_time(LONG_S)
    assert world.lost == [Lost("gate", "a", 1, 4, before=True)]


def test_a_device_that_says_the_same_every_minute_is_asked_once(world):
    for _ in range(10):
        world.greet()
        world.say(5)
        world.pass_time(60)
    assert world.asks == [Ask("gate", "a", 1, 5)]
    world.gaps.nobody_present()  # another connection
    world.greet()
    world.say(5)
    world.pass_time(60)
    assert len(world.asks) == 1


def test_a_device_that_is_away_is_not_asked(world):
    world.hear(1)
    world.hear(3)
    world.greet(online=False)
    world.say(4)
    world.pass_time(LONG_S)
    assert world.asks == []
    world.greet()
    world.pass_time(LONG_S)
    assert world.asks != []


def test_who_did_not_answer_and_comes_back_is_asked_soon(world):
    world.hear(1)
    world.hear(3)
    while world.now_s < 10 * MAX_BACKOFF_S:
        world.now_s += 1
        list(world.gaps.due(world.now_s))
    world.gaps.nobody_present()
    world.hear(4)  # was in the broker's queue, which comes before what is retained
    world.greet()
    world.pass_time(5)
    assert len(world.asks) == 1


def test_who_does_not_answer_is_asked_ever_more_rarely(world):
    world.hear(1)
    world.hear(3)
    times = []
    while world.now_s < 20 * MAX_BACKOFF_S:
        world.now_s += 1
        times += [world.now_s for _ in world.gaps.due(world.now_s)]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == sorted(pauses)
    assert MAX_BACKOFF_S < pauses[-1] < MAX_BACKOFF_S + 60


def test_who_can_not_answer_now_is_asked_later(world):
    world.kept["gate", "a"] = {2}
    world.hear(1)
    world.hear(3)
    world.now_s = 10
    (ask,) = world.gaps.due(world.now_s)
    world.gaps.put_off(ask, world.now_s)
    assert [*world.gaps.due(world.now_s + 1)] == []
    world.pass_time(LONG_S)
    assert ("gate", "a", 2) in world.fresh


def test_questions_are_no_longer_than_a_stride_unless_nothing_is_left(world):
    world.kept["gate", "a"] = set(range(5000, 7000))
    world.hear(7000)
    world.pass_time(10 * LONG_S)
    counts = [ask.last - ask.first + 1 for ask in world.asks]
    assert counts[:4] == [STRIDE] * 4
    assert max(counts[:4]) == STRIDE
    assert len(counts) < 12  # 4,999 that are gone take no ten questions
    assert sum(lost.last - lost.first + 1 for lost in world.lost) == 4999


@pytest.mark.parametrize("tell", [World.hear, World.say])
def test_a_number_beyond_all_reason_does_not_take_for_ever(world, tell):
    world.hear(1)
    world.kept["gate", "a"] = {2**53}
    tell(world, 2**53)
    world.pass_time(LONG_S, step_s=0.1)
    assert len(world.asks) < 60
    assert sum(lost.last - lost.first + 1 for lost in world.lost) == 2**53 - 2


def test_many_devices_are_asked_one_after_the_other(world):
    for number in range(100):
        world.greet(f"gate-{number}")
        world.hear(1, device=f"gate-{number}")
        world.hear(3, device=f"gate-{number}")
    world.now_s = 10
    assert len([*world.gaps.due(world.now_s)]) == 1
    world.pass_time(1, step_s=0.1)
    assert 5 < len(world.asks) <= 20
    world.pass_time(LONG_S)
    assert {ask.device for ask in world.asks} == {f"gate-{number}" for number in range(100)}


def test_what_others_wrote_down_is_not_asked_for(world):
    world.hear(1)
    world.hear(4)
    world.now_s = 10
    (ask,) = world.gaps.due(world.now_s)
    world.gaps.loaded("gate", "a", 2, 3)
    world.gaps.withdraw(ask, world.now_s)
    world.pass_time(LONG_S)
    assert world.asks == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_whatever_gets_lost_all_that_devices_have_arrives(seed):
    """The line loses half; a device forgets some. In the end all is heard or known to be lost."""
    chance = random.Random(seed)  # noqa: S311 no secret
    world, said = World(), {}
    for epoch in ("a", "b"):
        said[epoch] = chance.randrange(50, 800)
        everything = range(1, said[epoch] + 1)
        gone = {seq for seq in everything if chance.random() < 0.1}
        world.kept["gate", epoch] = set(everything) - gone
        for seq in everything:
            if seq not in gone and chance.random() < 0.5:
                world.hear(seq, epoch=epoch)
        world.say(said[epoch], epoch)
    world.greet()
    world.pass_time(600, passes=lambda _: chance.random() < 0.5, step_s=1)
    world.gaps.nobody_present()
    world.greet()
    world.pass_time(20_000, step_s=5)
    for (device, epoch), kept in world.kept.items():
        heard = {seq for *its, seq in world.fresh if its == [device, epoch]}
        assert heard == kept, f"seed {seed}"
        lost = [
            seq
            for its in world.lost
            if its.epoch == epoch
            for seq in range(its.first, its.last + 1)
        ]
        assert sorted([*heard, *lost]) == [*range(1, said[epoch] + 1)], f"seed {seed}"
