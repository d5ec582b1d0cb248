"""The outbox beside a model of it in plain Python, in any order of what can happen to it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stored_device import StoredDevice

from agent.control.event_rows import KEPT_S, MARK_S
from agent.control.refusal import Refusal

pytestmark = pytest.mark.slow


class OutboxBesideModel(RuleBasedStateMachine):
    """The model: what was written, what is acknowledged, and how much of that a kill leaves."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.device = StoredDevice(Path(self.folder.name))
        self.epoch = self.device.outbox.epoch
        self.said = 0
        self.held: list[int] = []
        self.written: list[int] = []  # by seq, from 1 on
        self.acked: dict[int, float] = {}  # seq → when, in seconds of use
        self.safe: dict[int, float] = {}
        self.used_s = self.safe_s = 0.0
        self.fresh_to = 0
        self.on_way: list = []
        self.again: set[int] = set()

    def teardown(self):
        try:
            self.drain()
        finally:
            self.device.database.close()
            self.folder.cleanup()

    def was_written(self):
        self.written += self.held
        self.held = []
        self.safe, self.safe_s = dict(self.acked), self.used_s

    def begin(self):
        self.acked, self.used_s = dict(self.safe), self.safe_s
        self.held, self.again = [], set()
        self.reconnected()

    def reconnected(self):
        self.again |= {each.seq for each in self.on_way if each.seq in self.acked}
        self.fresh_to, self.on_way = 0, []

    @rule(kind=st.sampled_from(["track", "stream", "boot"]), count=st.integers(1, 20))
    def add(self, kind, count):
        for _ in range(count):
            self.said += 1
            self.device.outbox.add(kind, {"n": self.said})
            self.held.append(self.said)

    @rule()
    def commit(self):
        writes = self.device.outbox.waits
        assert writes or not self.held
        assert self.device.database.commit()
        if writes:
            self.was_written()

    @rule(count=st.integers(1, 16))
    def send(self, count):
        for stored in self.device.send(count, answer=False):
            assert stored.data == {"n": self.written[stored.seq - 1]}
            if stored.seq in self.acked:
                assert stored.seq in self.again, "nobody asked for it"
                self.again.discard(stored.seq)
            else:
                assert self.fresh_to < stored.seq, "twice in a connection, or out of order"
                between = range(self.fresh_to + 1, stored.seq)
                assert all(seq in self.acked for seq in between), "passed over"
                self.fresh_to = stored.seq
            self.on_way.append(stored)

    @precondition(lambda self: self.on_way)
    @rule(data=st.data(), heard=st.booleans())
    def acknowledge(self, data, heard):
        stored = data.draw(st.sampled_from(self.on_way))
        self.on_way.remove(stored)
        self.device.outbox.acknowledged(stored, heard=heard)
        self.acked.setdefault(stored.seq, self.used_s)

    @rule()
    def reconnect(self):
        self.device.outbox.rewind()
        self.reconnected()

    @rule(data=st.data())
    def replay(self, data):
        ends = st.integers(1, len(self.written) + 3)
        low, high = sorted((data.draw(ends), data.draw(ends)))
        there = range(low, min(high, len(self.written)) + 1)
        certain = {seq for seq in there if seq in self.acked and not self.may_be_gone(seq)}
        possible = {seq for seq in there if seq in self.acked}
        try:
            count = self.device.outbox.replay(self.epoch, low, high)
        except Refusal as refusal:
            code = refusal.code
        else:
            code, self.again = "", self.again | possible
            assert len(certain) <= count <= len(possible)
        if code == "not_found":
            assert not certain
            assert all(seq in self.acked for seq in there)
        assert code in {"", "not_found", "busy"}

    def may_be_gone(self, seq):
        return self.used_s - self.acked[seq] >= KEPT_S

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours):
        self.device.machine.turn(hours * MARK_S)
        self.used_s += hours * MARK_S

    @rule()
    def kill(self):
        self.device.kill()
        self.begin()

    @rule()
    def restart(self):
        self.device.restart()
        self.was_written()
        self.begin()

    @invariant()
    def depth_is_what_nobody_acknowledged(self):
        box = self.device.outbox
        assert box.depth == len(self.held) + len(self.written) - len(self.acked)
        assert (box.depth_bytes == 0) == (box.depth == 0)
        assert (box.epoch, box.dropped) == (self.epoch, 0)

    def drain(self):
        """Everything comes in the end, and a day later nothing is left of it."""
        self.commit()
        self.reconnect()
        while self.device.outbox.depth:
            self.send(16)
            for stored in self.on_way:
                self.device.outbox.acknowledged(stored, heard=True)
                self.acked.setdefault(stored.seq, self.used_s)
            self.on_way = []
        self.add("boot", 1)
        self.commit()
        for _ in range(2):
            self.time_passes(26)
            self.commit()
            self.add("boot", 1)
            self.commit()
        rows = self.device.database.rows("SELECT min(seq) FROM event")
        assert rows[0][0] > len(self.written) - 3


OutboxBesideModel.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestOutboxBesideModel = OutboxBesideModel.TestCase
