"""Whatever is wanted, fails, is killed or has its clock turned, in any order."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from updates import OWN, UpdatedDevice, bundle_of, digest_of

from agent.update.ports import RefusedError

pytestmark = pytest.mark.slow

VERSIONS = st.integers(OWN, 5)
RARELY = st.integers(0, 4).map(lambda number: number == 4)
NAMES = st.sampled_from(["person", "car"])
MEMORY = Path("/dev") / "shm"
"""Where waiting for the disk takes no time."""


class AnySequence(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.device = UpdatedDevice(Path(self.folder.name))
        self.rev = 0
        self.floor, self.refused = {}, set()
        self.ran = []
        for name in ("person", "car"):
            self.device.office.offer(*range(OWN, 6), name=name)

    def teardown(self):
        self.folder.cleanup()

    @rule(
        version=VERSIONS,
        name=NAMES,
        group=st.sampled_from([None, "site", "canary"]),
        again=RARELY,
        window=st.sampled_from([None, None, None, "22:00-04:00"]),
    )
    def want(self, version, name, group, again, window):
        self.rev += not again
        self.device.want(version, rev=max(1, self.rev), group=group, name=name, window=window)

    @rule(group=st.sampled_from([None, "site", "canary"]))
    def forget(self, group):
        self.device.updater.forget(group)

    @rule(groups=st.sets(st.sampled_from(["site", "canary"])))
    def belong(self, groups):
        self.device.updater.belong(groups)

    @rule()
    def rollback(self):
        try:
            self.device.updater.rollback()
        except RefusedError:
            assert not self.device.position.previous

    @rule(count=st.integers(1, 8), seconds=st.sampled_from([0, 60, 3600]))
    def turn(self, count, seconds):
        self.device.turns(count, seconds)

    @rule()
    def come_to_an_end(self):
        """Nothing is in the way for a while."""
        self.device.machine.synced, self.device.office.away = True, False
        self.device.machine.unix_s += -self.device.machine.unix_s % 86400  # midnight
        self.device.turns(20, 60)

    @rule()
    def kill(self):
        self.device.start()

    @rule(off_s=st.sampled_from([0, 8 * 3600]), unset=RARELY)
    def power_cut(self, off_s, unset):
        self.device.machine.reboot(off_s)
        self.device.machine.synced = not unset
        self.device.start()

    @rule(days=st.sampled_from([-400, 400]))
    def clock_is_set(self, days):
        self.device.machine.unix_s += days * 86400

    @rule(away=RARELY)
    def network(self, away):
        self.device.office.away = away

    @rule(
        version=st.integers(OWN + 1, 5), name=NAMES, how=st.sampled_from(["bad", "broken", "sick"])
    )
    def turns_out(self, version, name, how):
        world = self.device.office if how == "bad" else self.device.cameras
        getattr(world, how).add(digest_of(version, name))

    @rule()
    def all_is_well(self):
        self.device.office.bad.clear()
        self.device.cameras.broken.clear()
        self.device.cameras.sick.clear()

    @invariant()
    def one_complete_model_runs(self):
        """By what the disk says, and in truth: what fails is never replaced by nothing here."""
        runs = self.device.cameras.runs
        assert runs is not None
        active = self.device.store.read().active
        if active is not None:
            data = self.device.store.bundle(active.digest).read_bytes()
            assert data == bundle_of(active.version, active.name)[1]

    @invariant()
    def what_is_refused_never_runs_again(self):
        began = self.device.cameras.ran[len(self.ran) :]
        assert not self.refused & set(began)
        self.ran += began
        record = self.device.store.read()
        assert record.refused.keys() >= self.refused
        self.refused = set(record.refused)
        assert record.runs not in self.refused
        for said in self.device.cameras.told:
            is_bad = said["state"] == "rolled_back" or said.get("reason") == "it sees nothing"
            assert not is_bad or said["digest"] in self.refused

    @invariant()
    def the_floor_never_falls(self):
        record = self.device.store.read()
        assert all(record.floor[name] >= version for name, version in self.floor.items())
        self.floor = record.floor
        if record.on_probation is not None:
            held = record.change.held
            assert held.version >= self.floor.get(held.name, 0)

    @invariant()
    def nothing_is_left_over_once_all_is_over(self):
        if self.device.position.state in {"committed", "failed", "rolled_back"}:
            self.device.turns(2)
            if self.device.position.state in {"committed", "failed", "rolled_back"}:
                record = self.device.store.read()
                assert set(self.device.store.held()) <= record.slots


AnySequence.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestAnySequence = AnySequence.TestCase
