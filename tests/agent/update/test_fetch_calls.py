"""Each call that a look and a fetch make of the disk: killed in it, refused it, or without power."""

import json
import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from disk import Disk, Shadow, write_tree
from lying_server import LyingServer
from machine_clock import MachineClock
from model_repository import ModelRepository
from networks import computing_network
from precisions import write_precisions

from agent.control.clock import EventClock
from agent.update.fetch import fetch
from agent.update.ports import UnavailableError
from agent.update.repository import Repository
from agent.update.wanted import Wanted
from agent.update.web_server import Server
from models.bundle import Bundle

pytestmark = pytest.mark.slow

PROGRAM = """
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from agent.control.clock import EventClock
from agent.update.fetch import fetch
from agent.update.ports import RefusedError, UnavailableError
from agent.update.repository import Repository
from agent.update.web_server import Server
from agent.update.wanted import Wanted
from agent.wall_clock import WallClock

TOLD = Path({told!r})

def act(folder):
    told, folder = json.loads(TOLD.read_text()), Path(folder)
    try:
        with Server(told["url"]) as server:
            clock = EventClock(WallClock())
            repository = Repository(server, Path(told["root"]), folder, clock)
            offer = repository.offer(Wanted.model_validate(told["wanted"]))
            fetch(server, offer, folder / "part")
    except (RefusedError, UnavailableError) as error:
        return str(error)
    return "done"

with TemporaryDirectory() as folder:  # so that everything is imported
    act(folder)
"""
STEPS = {"openat", "write", "fsync", "rename", "symlink", "unlink"}
ROOM = {"openat", "write", "symlink", "rename", "fsync"}
CALLS = 32
"""But for those that write the bundle: as many as its bytes come in. A step that is forgotten
changes it."""


class Scenario:
    """A device that has seen a repository once, and looks again when there is something new."""

    def __init__(self, folder, root):
        self.operator = ModelRepository(folder / "repository")
        self.server = LyingServer(self.operator.folder).__enter__()
        self.before, self.at, self.root = folder / "before", folder / "disk", folder / "root.json"
        shutil.copy(self.operator.root, self.root)
        self.bundle = write_precisions(folder / "b.sfm", {"fp32": computing_network()})
        self.operator.add(self.bundle)
        manifest = Bundle.open(self.bundle, allow_unsigned=True)
        name, version = manifest.manifest.name, manifest.manifest.version
        self.wanted = Wanted(rev=1, name=name, version=version, digest=manifest.digest)
        self.oldest = self.operator.copied_to(folder / "oldest")
        self.operator.publish()
        self.look(self.before)
        self.operator.publish()
        self.newest = self.operator.copied_to(folder / "newest")
        told = {"url": self.server.url, "root": str(self.root), "wanted": self.wanted.model_dump()}
        (folder / "told.json").write_text(json.dumps(told))
        program = PROGRAM.format(told=str(folder / "told.json"))
        self.disk = Disk(program, self.at, root, root / "tests/world")
        self.renew()
        self.said, self.calls = self.disk.calls()

    def close(self):
        self.disk.close()
        self.server.__exit__()

    def put(self, tree):
        """The disk is like this."""
        shutil.rmtree(self.at, ignore_errors=True)
        write_tree(tree, self.at)

    def renew(self):
        """The disk is as before the second look."""
        shutil.rmtree(self.at, ignore_errors=True)
        shutil.copytree(self.before, self.at, symlinks=True)

    def look(self, models, part=None):
        with Server(self.server.url) as server:
            clock = EventClock(MachineClock(time.time()).clock())
            offer = Repository(server, self.root, models, clock).offer(self.wanted)
            if part is not None:
                fetch(server, offer, part)

    def goes_on(self, where):
        """An old server is still told from a new one, and the bundle comes."""
        self.operator.become(self.oldest)
        with pytest.raises(UnavailableError, match="older copy of the repository"):
            self.look(self.at)
        self.operator.become(self.newest)
        self.look(self.at, self.at / "part")
        assert (self.at / "part").read_bytes() == self.bundle.read_bytes(), where
        left = {path.name for path in self.at.rglob("*") if path.is_file()}
        assert left - {"3.root.json"} == {
            *("part", "tuf-seen.json", "root.json", "1.root.json"),
            *("timestamp.json", "snapshot.json", "targets.json"),
        }, where


@pytest.fixture(scope="module")
def scenario(request):
    memory = Path("/dev") / "shm"  # where waiting for the disk takes no time
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        scenario = Scenario(Path(folder), request.config.rootpath)
        yield scenario
        scenario.close()


def test_the_calls_of_a_look_and_a_fetch_are_numbered(scenario):
    assert scenario.said == "done"
    assert {call.name for call in scenario.calls} == STEPS
    assert len([call for call in scenario.calls if str(call) != "write part"]) == CALLS


def test_killed_or_without_power_before_any_call(scenario):
    shadow, seen = Shadow(scenario.before), set()
    for number, call in enumerate([*scenario.calls, None]):
        trees = {
            "killed": shadow.left_by_kill(),
            "power cut": shadow.left_by_power_cut(names_first=False),
            "power cut, names there": shadow.left_by_power_cut(names_first=True),
        }
        for how, tree in trees.items():
            if (key := repr(sorted(tree.items()))) not in seen:
                seen.add(key)
                scenario.put(tree)
                scenario.goes_on(f"{how} before call {number}, {call}")
        if call is not None:
            shadow.do(call)
    assert len(seen) >= 28


def test_no_room_for_any_call(scenario):
    for number, call in enumerate(scenario.calls):
        if call.name in ROOM:
            scenario.renew()
            said, code = scenario.disk.with_fault(call, "error=ENOSPC", on=True)
            where = f"no room from call {number}, {call}: {said}"
            assert code == 0, where
            assert said == "done" or "No space left on device" in said, where
            scenario.goes_on(where)
