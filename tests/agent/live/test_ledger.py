"""Every number is answered once, and a client that keeps the rule neither floods nor stands still."""

import heapq
import random
from dataclasses import replace

import pytest
from live_world import STATE

from agent.live.ledger import MOST_UNANSWERED, Credit, Ledger, credit_of, hold_back_ms, may_send
from agent.live.wire import WireError


def test_a_number_is_taken_and_shown_once():
    ledger = Ledger()
    for number in (1, 2, 5):
        ledger.sent(number)
    assert [ledger.taken(n) for n in (1, 1, 2, 3)] == [True, False, True, False]
    assert ledger.shown(1) == (1, [])
    assert ledger.shown(1) == (0, [])
    assert ledger.taken(1) is False
    assert ledger.drop([1, 2, 2, 9]) == [2]
    assert ledger.shown(2) == (0, [])
    assert ledger.unanswered == 1


def test_what_was_taken_before_what_is_shown_will_not_come():
    ledger = Ledger()
    for number in range(1, 7):
        ledger.sent(number)
    for number in (1, 2, 4, 5, 6):
        ledger.taken(number)
    assert ledger.shown(5) == (5, [1, 2, 4])  # 3 may still be dropped where it waits
    assert ledger.drop([3]) == [3]
    assert ledger.shown(6) == (6, [])
    assert ledger.unanswered == 0


def test_what_was_lost_on_the_way_is_told_when_the_next_comes():
    ledger = Ledger()
    assert ledger.sent(500) == []  # a client goes on counting when it is connected anew
    assert ledger.sent(501) == []
    assert ledger.sent(504) == [502, 503]
    assert ledger.drop([502, 503]) == []
    assert (ledger.dropped, ledger.unanswered) == (2, 3)
    assert ledger.sent(2**32 - 1) == list(range(2**32 - 1 - MOST_UNANSWERED, 2**32 - 1))


def test_numbers_rise_and_answers_are_waited_for():
    ledger = Ledger()
    with pytest.raises(WireError, match="rise"):
        ledger.sent(0)
    ledger.sent(3)
    for number in (3, 2):
        with pytest.raises(WireError, match="rise"):
            ledger.sent(number)
    for number in range(4, 3 + MOST_UNANSWERED):
        ledger.sent(number)
    with pytest.raises(WireError, match="wait for an answer") as caught:
        ledger.sent(1000)
    assert caught.value.code == 1008
    ledger.drop([3])
    ledger.sent(1000)


def test_when_a_client_may_send():
    credit = Credit(4, 200, 600)
    assert may_send(credit, [], [])
    assert may_send(credit, [10, 20, 200], [10, 20, 200, 600])
    assert not may_send(credit, [1, 2, 3, 4], [])
    assert not may_send(credit, [201], [201])
    assert not may_send(credit, [], [10, 601])


def test_how_late_is_too_late_follows_what_is_held_back():
    assert hold_back_ms(STATE) == pytest.approx(200)
    assert hold_back_ms(replace(STATE, fps=10.0)) == pytest.approx(600)
    assert hold_back_ms(replace(STATE, fps=0.0)) == pytest.approx(200)  # none came yet
    assert credit_of(replace(STATE, fps=10.0)) == Credit(4, 200, 1000)


class SimulatedClient:
    """A camera of 30 pictures a second beside a server, a network between them; time is simulated.

    The server takes a frame as it comes, drops some, and shows the others `hold_back` frames later.
    """

    def __init__(self, seed, drops, hold_back=6, *, counts_pictures=False):
        self.random = random.Random(seed)  # noqa: S311 no secret
        self.drops, self.hold_back = drops, hold_back
        self.counts_pictures = counts_pictures
        self.ledger, self.credit = Ledger(), credit_of(STATE)
        self.untaken, self.unanswered = {}, {}
        self.inside, self.events, self.number = [], [], 0
        self.sent_at = [0.0]

    def run(self, frames, frame_ms=1000 / 30):
        for tick in range(frames):
            now = tick * frame_ms
            while self.events and self.events[0][0] <= now:
                at, _, act, number = heapq.heappop(self.events)
                act(at, number)
            untaken = self.unanswered if self.counts_pictures else self.untaken
            ages = [[now - at for at in each.values()] for each in (untaken, self.unanswered)]
            if may_send(self.credit, *ages):
                self.number += 1
                self.untaken[self.number] = self.unanswered[self.number] = now
                self.sent_at.append(now)
                self._later(now, 10, self._arrive, self.number)

    def _later(self, now, ms, act, number):
        at = now + ms * self.random.uniform(0.5, 2)
        heapq.heappush(self.events, (at, len(self.events) + self.random.random(), act, number))

    def _arrive(self, now, number):
        self.ledger.sent(number)
        if self.drops(self.random):
            for gone in self.ledger.drop([number]):
                self._later(now, 10, self._hear_dropped, gone)
            return
        assert self.ledger.taken(number)
        self._later(now, 10, self._hear_taken, number)
        self.inside.append(number)
        if len(self.inside) > self.hold_back:
            self._show(now, self.inside.pop(0))

    def _show(self, now, number):
        shown, gone = self.ledger.shown(number)
        assert shown == number
        assert gone == []
        self._later(now, 10, self._hear_picture, number)

    def _hear_taken(self, _now, number):
        self.untaken.pop(number, None)

    def _hear_dropped(self, _now, number):
        del self.unanswered[number]
        self.untaken.pop(number, None)

    def _hear_picture(self, _now, number):
        del self.unanswered[number]
        self.untaken.pop(number, None)

    @property
    def longest_stop_ms(self):
        return max(b - a for a, b in zip(self.sent_at, self.sent_at[1:], strict=False))


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_drops_a_third_never_stops_a_client_for_long(seed):
    client = SimulatedClient(seed, drops=lambda dice: dice.random() < 1 / 3)
    client.run(1000)
    assert client.number > 900
    assert client.longest_stop_ms <= 300


def test_credit_on_pictures_would_stand_still():
    """What the rule is for: with look-ahead, pictures wait for frames and frames for pictures."""
    client = SimulatedClient(0, drops=lambda _: False, counts_pictures=True)
    client.run(1000)
    assert client.number == 4
