"""Each single call that an update makes of its disk: killed in it, refused it, or without power."""

import os
import re
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from disk import Call, Disk, Shadow, tree_of, write_tree
from updates import UpdatedDevice, digest_of

from agent.update.record_file import RecordFile
from agent.update.store import FOLDER

pytestmark = pytest.mark.slow

RUNS, COMES = 3, 4
OLD, NEW = digest_of(RUNS), digest_of(COMES)

PROGRAM = """
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from updates import UpdatedDevice, digest_of

logging.disable()

def act(folder):
    device = UpdatedDevice(Path(folder))
    device.office.offer(4)
    if (Path(folder) / "sick").exists():
        device.cameras.sick.add(digest_of(4))
    device.want(4, rev=4)
    device.turns(25, seconds=60)
    return [device.position.state, device.cameras.runs]

with TemporaryDirectory() as folder:  # so that everything is imported
    act(folder)
"""
ENDS = {"good": "committed", "sick": "rolled_back"}
CALLS = {"good": 85, "sick": 90}
"""Of an update that goes well, and of one that goes back: a step that is forgotten changes them."""
STEPS = {"openat", "write", "fsync", "rename", "mkdir", "symlink", "unlink", "unlinkat", "rmdir"}
ROOM = {"openat", "write", "mkdir", "symlink", "rename", "fsync"}
"""What a disk that is full may refuse."""


class Scenario:
    """A device that runs version 3, ran 2, and is to run 4, which is as its name says."""

    def __init__(self, kind, folder, root):
        self.kind, self.folder = kind, folder
        self.before, self.at = folder / "before", folder / "disk"
        self.before.mkdir()
        device = UpdatedDevice(self.before)
        device.office.offer(2, RUNS)
        for version in (2, RUNS):
            device.want(version, rev=version)
            assert device.to_its_end().state == "committed"
        if kind == "sick":
            (self.before / "sick").touch()
        self.disk = Disk(PROGRAM, self.at, root, root / "tests/world")
        self.renew()
        self.said, self.calls = self.disk.calls()
        self.left = self.paths()
        self.best = OLD if kind == "sick" else NEW

    def renew(self):
        """The disk is as before the update."""
        shutil.rmtree(self.at, ignore_errors=True)
        shutil.copytree(self.before, self.at, symlinks=True)

    def put(self, tree):
        """The disk is like this."""
        shutil.rmtree(self.at, ignore_errors=True)
        write_tree(tree, self.at)

    def paths(self):
        return sorted(str(path.relative_to(self.at)) for path in self.at.rglob("*"))

    def goes_on(self, where):
        """The next start runs a good model, and what is still wanted comes to the same end."""
        device = UpdatedDevice(self.at)
        started = device.cameras.runs
        assert started in {OLD, NEW}, where
        device.office.offer(COMES)
        if self.kind == "sick":
            device.cameras.sick.add(NEW)
        device.want(COMES, rev=COMES)
        position = device.to_its_end()
        assert position.state == ENDS[self.kind], f"{where}: {position}"
        assert device.cameras.runs == self.best, where
        assert (NEW in position.refused) == (self.kind == "sick"), where
        floor = COMES if self.kind == "good" else RUNS
        assert device.store.read().floor == {"person": floor}, where
        assert self.paths() == self.left, where
        return started


def read_record(folder):
    return RecordFile(folder / FOLDER).read()


def named(tree):
    """A tree in which files that are being written have the same names in each run."""
    return {re.sub(r"[0-9a-f]{16}[.]partial", "partial", path): tree[path] for path in tree}


@pytest.fixture(scope="module", params=["good", "sick"])
def scenario(request):
    memory = Path("/dev") / "shm"  # where waiting for the disk takes no time
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        scenario = Scenario(request.param, Path(folder), request.config.rootpath)
        yield scenario
        scenario.disk.close()


def test_the_calls_of_an_update_are_numbered(scenario):
    assert scenario.said == [ENDS[scenario.kind], scenario.best]
    assert {call.name for call in scenario.calls} == STEPS
    assert len(scenario.calls) == CALLS[scenario.kind]


def test_killed_before_any_call(scenario):
    shadow, started = Shadow(scenario.before), set()
    for number, call in enumerate(scenario.calls):
        scenario.renew()
        said, code = scenario.disk.with_fault(call, "signal=KILL")
        assert (said, code) == (None, -signal.SIGKILL), call
        assert named(tree_of(scenario.at)) == named(shadow.left_by_kill()), call
        started.add(scenario.goes_on(f"killed before call {number}, {call}"))
        shadow.do(call)
    assert started == {OLD, NEW}


@pytest.mark.parametrize("names_first", [False, True], ids=["nothing is", "names are"])
def test_a_power_cut_before_any_call(scenario, names_first):
    shadow, started = Shadow(scenario.before), set()
    for number, call in enumerate([*scenario.calls, None]):
        scenario.put(shadow.left_by_power_cut(names_first=names_first))
        started.add(scenario.goes_on(f"power cut before call {number}, {call}"))
        if call is not None:
            shadow.do(call)
    assert started == {OLD, NEW}


def test_no_room_for_any_call_once(scenario):
    for number, call in enumerate(scenario.calls):
        if call.name in ROOM:
            scenario.renew()
            said, code = scenario.disk.with_fault(call, "error=ENOSPC")
            assert (said, code) == (scenario.said, 0), f"no room for call {number}, {call}"
            scenario.goes_on(f"no room for call {number}, {call}")


def test_no_room_from_any_write_on(scenario):
    for number, call in enumerate(scenario.calls):
        if call.name == "write":
            scenario.renew()
            said, code = scenario.disk.with_fault(call, "error=ENOSPC", on=True)
            assert code == 0
            assert said[1] in {OLD, scenario.best}, f"no room from call {number}, {call}"
            scenario.goes_on(f"no room from call {number}, {call}")


def test_no_room_to_count_a_start_runs_what_ran_before(scenario):
    shadow = Shadow(scenario.before)
    for number, call in enumerate(scenario.calls):
        scenario.put(shadow.left_by_kill())
        shadow.do(call)
        if call.name != "write" or read_record(scenario.at).on_probation is None:
            continue
        said, code = scenario.disk.with_fault(Call("write", 1, ()), "error=ENOSPC", on=True)
        assert (code, said[1]) == (0, OLD), f"no room after call {number}"
        scenario.goes_on(f"no room at a start after call {number}")
