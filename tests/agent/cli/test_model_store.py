"""`sfumato model stage|activate|commit|rollback|list`, as typed, and as other programs type it."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from networks import computing_network
from precisions import write_precisions
from updates import UpdatedDevice

from agent.cli import main
from agent.config.state_folder import state_folder
from models.bundle import Bundle, sign_bundle
from models.signing import PrivateKey

INTEGRATIONS = Path(__file__).resolve().parents[3] / "configs" / "integrations"
TEXT = """\
model: {bundle: v1.sfm, trust: [office.pub]}
streams: {door: /dev/video0}
"""


class World:
    """A device with its configuration, and bundles that lie about."""

    def __init__(self, folder):
        self.folder, self.config = folder, folder / "agent.yaml"
        self.config.write_text(TEXT)
        key = PrivateKey.generate()
        (folder / "office.pub").write_text(key.public.to_line())
        self.digests = {}
        unsigned = write_precisions(
            folder / "unsigned.sfm", {"fp32": computing_network()}, golden=False, version=9
        )
        for version in (1, 2, 3, 4):
            path = folder / "bundle.sfm"
            network = {"fp32": computing_network()}
            write_precisions(path, network, golden=False, version=version)
            sign_bundle(path, folder / f"v{version}.sfm", key)
            bundle = Bundle.open(folder / f"v{version}.sfm", [key.public])
            self.digests[version] = bundle.digest
        assert unsigned.exists()
        state = state_folder(self.config)
        state.mkdir()
        self.device = UpdatedDevice(state)

    def file_digest(self, version):
        """By which the simulated cameras know a bundle."""
        return hashlib.sha256((self.folder / f"v{version}.sfm").read_bytes()).hexdigest()

    @contextmanager
    def at_work(self):
        """The agent runs meanwhile, and time flies."""
        done = threading.Event()

        def turn():
            while not done.wait(0.01):
                self.device.turns(seconds=60.0)

        thread = threading.Thread(target=turn)
        thread.start()
        yield
        done.set()
        thread.join()

    @property
    def state(self):
        return self.device.store.read().change.state


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def sfumato(world, capsys):
    """Run `sfumato model`: exit code, lines on standard output, lines on standard error."""

    def run(*words):
        code = main(["model", *map(str, words), "--config", str(world.config)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


@pytest.fixture
def staged(world, sfumato):
    """Versions 2 and 3, of which 2 runs and has proved itself."""
    sfumato("stage", world.folder / "v2.sfm")
    sfumato("activate", world.digests[2])
    world.device.to_its_end()
    sfumato("stage", world.folder / "v3.sfm")
    return world


def test_what_is_staged_and_activated_is_tried_runs_and_proves_itself(world, sfumato):
    digest = world.digests[2]
    for _ in range(2):
        assert sfumato("stage", world.folder / "v2.sfm") == (0, [digest], [])
    slot = world.device.store.bundle(digest)
    assert slot.read_bytes() == (world.folder / "v2.sfm").read_bytes()
    world.device.turns(3)
    assert slot.is_file(), "the agent has left it where it is"
    assert world.device.store.read().change is None
    for _ in range(2):
        code, (line,), _ = sfumato("activate", digest[:12])
        assert (code, line) == (0, "world version 2 is to run; see `sfumato model list`")
    assert world.device.until("active").held.digest == digest
    assert [what for what, _ in world.device.office.done] == ["test"]
    assert world.device.to_its_end().state == "committed"
    assert sfumato("activate", digest) == (0, [line], []), "and nothing changes"
    assert world.state == "committed"


def test_an_agent_that_does_not_run_goes_by_it_at_its_next_start(world, sfumato):
    sfumato("stage", world.folder / "v2.sfm")
    sfumato("activate", world.digests[2])
    world.device.start()
    assert world.device.to_its_end().state == "committed"


@pytest.mark.parametrize(
    ("file", "said"),
    [("unsigned.sfm", "unsigned"), ("office.pub", "not a bundle"), ("gone.sfm", "No such file")],
)
def test_what_nobody_trusted_has_signed_is_not_staged(world, sfumato, file, said):
    code, _, (line,) = sfumato("stage", world.folder / file)
    assert code == 5
    assert said in line
    assert not world.device.store.held()


def test_a_configuration_that_is_wrong_is_said(world, sfumato):
    world.config.write_text("modell: x")
    code, _, lines = sfumato("stage", world.folder / "v2.sfm")
    assert code == 2
    assert "modell" in "".join(lines)


def test_commit_ends_a_probation_and_is_nothing_without_one(world, sfumato):
    code, _, (line,) = sfumato("commit")
    assert (code, line) == (7, "sfumato: no model was ever changed here")
    sfumato("stage", world.folder / "v2.sfm")
    sfumato("activate", world.digests[2])
    code, _, (line,) = sfumato("commit")
    assert (code, line) == (7, "sfumato: world version 2 is staged, so there is nothing to commit")
    world.device.until("active")
    for _ in range(2):
        assert sfumato("commit") == (0, ["world version 2 stays"], [])
    world.device.turns()
    assert world.device.position.state == "committed"


def test_rollback_goes_to_what_ran_before_and_no_further(staged, sfumato):
    sfumato("activate", staged.digests[3])
    staged.device.to_its_end()
    for _ in range(2):
        assert sfumato("rollback") == (0, ["world version 2 runs from now on"], [])
    staged.device.turns(2)
    assert staged.device.cameras.ran[-1] != staged.device.cameras.ran[-2]
    assert staged.device.position.active.version == 2


def test_rollback_before_the_switch_aborts(staged, sfumato):
    sfumato("activate", staged.digests[3])
    assert sfumato("rollback") == (0, ["world version 2 runs from now on"], [])
    staged.device.turns(3)
    assert (staged.device.position.state, staged.device.position.active.version) == ("failed", 2)


def test_a_rollback_of_what_does_not_run_does_nothing(staged, sfumato):
    before = staged.device.store.read()
    for digest in (staged.digests[3], staged.digests[1], "f" * 64):
        assert sfumato("rollback", digest) == (0, ["world version 2 runs from now on"], [])
        assert staged.device.store.read() == before
    code, (line,), _ = sfumato("rollback", staged.digests[2])
    assert (code, line) == (0, "what the configuration names runs from now on")


def test_without_a_previous_model_there_is_no_rollback(sfumato):
    assert sfumato("rollback") == (7, [], ["sfumato: there is no previous model"])


def test_what_is_older_than_what_ran_here_is_refused(staged, sfumato):
    sfumato("activate", staged.digests[3])
    staged.device.to_its_end()
    sfumato("stage", staged.folder / "v1.sfm")
    code, _, (line,) = sfumato("activate", staged.digests[1])
    assert code == 7
    assert "version 1 is below 3, which has run here" in line
    assert "model.bundle" in line
    assert sfumato("activate", staged.digests[2])[0] == 0, "but for what ran before"
    assert staged.device.to_its_end().active.version == 2


def test_what_was_refused_may_be_run_by_a_person(staged, sfumato):
    staged.device.office.bad.add(staged.file_digest(3))
    sfumato("activate", staged.digests[3])
    assert staged.device.to_its_end().refused == (staged.digests[3],)
    staged.device.office.bad.clear()
    sfumato("stage", staged.folder / "v3.sfm")
    assert sfumato("activate", staged.digests[3])[0] == 0
    assert staged.device.to_its_end().active.version == 3


def test_what_is_named_has_to_lie_here(world, sfumato):
    code, _, (line,) = sfumato("activate", "abc")
    assert (code, line) == (
        7,
        "sfumato: abc: no such bundle lies here; see `sfumato model list`",
    )
    sfumato("stage", world.folder / "v2.sfm")
    sfumato("activate", world.digests[2])
    world.device.to_its_end()
    sfumato("stage", world.folder / "v3.sfm")
    assert "several bundles begin so" in sfumato("activate", "")[2][0]


def test_while_one_is_on_probation_no_other_takes_its_place(staged, sfumato):
    sfumato("activate", staged.digests[3])
    staged.device.until("active")
    sfumato("stage", staged.folder / "v1.sfm")
    code, _, (line,) = sfumato("activate", staged.digests[2])
    assert (code, line[:42]) == (7, "sfumato: another model is on probation: fi")


@pytest.mark.slow
def test_waiting_says_how_it_ended(staged, sfumato):
    code, _, (line,) = sfumato("activate", staged.digests[3], "--wait", "0")
    assert (code, line) == (8, "sfumato: it has not proved itself in 0 s; is the agent up?")
    with staged.at_work():
        assert sfumato("activate", staged.digests[3], "--wait", "30")[0] == 0
    assert staged.state == "committed"
    sfumato("stage", staged.folder / "v4.sfm")
    staged.device.cameras.sick.add(staged.file_digest(4))
    with staged.at_work():
        code, _, (line,) = sfumato("activate", staged.digests[4], "--wait", "30")
    said = "world version 4 is rolled back: every frame is covered whole"
    assert (code, line) == (7, f"sfumato: {said}")


def test_a_list_for_people_and_one_for_programs(staged, sfumato):
    digests = staged.digests
    code, lines, _ = sfumato("list")
    assert code == 0
    assert [line.split("\t") for line in lines] == [
        ["active", "world", "2", digests[2]],
        ["previous", "model.bundle", "-", staged.device.own.digest],
        ["candidate", "world", "3", digests[3]],
        ["committed", "world", "2", "-"],
    ]
    said = json.loads("\n".join(sfumato("list", "--json")[1]))
    assert said["models"][0] == {
        "role": "active",
        "name": "world",
        "version": 2,
        "digest": digests[2],
    }
    assert said["change"]["state"] == "committed"
    assert (said["floor"], said["refused"]) == ({"world": 2}, {})


def test_a_damaged_record_is_a_line(staged, sfumato):
    for name in ("record.json", "record.copy.json"):
        (staged.device.folder / "models" / name).write_text("{")
    code, _, (line,) = sfumato("list")
    assert code == 3
    assert "until a person mends or deletes both" in line


def test_a_store_that_can_not_be_written_to_is_a_line(world, sfumato):
    (world.device.folder / "models" / "slots").write_text("not a folder")
    code, _, (line,) = sfumato("stage", world.folder / "v2.sfm")
    assert code == 4
    assert "can't be written" in line


class Caller:
    """What calls an integration: Mender's client, or thin-edge.io's agent."""

    def __init__(self, world, script):
        self.world, self.script = world, INTEGRATIONS / script
        commands = world.folder / "bin"
        commands.mkdir()
        command = commands / "sfumato"  # as installed, but for where the configuration lies
        command.write_text(
            f'#!/bin/sh\nexec {sys.executable} -m agent "$@" --config {world.config}\n'
        )
        command.chmod(0o755)
        self.env = os.environ | {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": str(INTEGRATIONS.parents[1]),
        }

    def __call__(self, *words):
        """Exit code and what was said on standard output."""
        done = subprocess.run(
            [str(self.script), *map(str, words)],
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout


class Mender(Caller):
    """Its client, with an artifact."""

    def __init__(self, world, name):
        super().__init__(world, "mender/sfumato-model")
        self.tree = world.folder / "tree"
        for folder in ("files", "tmp"):
            (self.tree / folder).mkdir(parents=True)
        (self.tree / "files" / "person.sfm").write_bytes((world.folder / name).read_bytes())

    def update(self):
        """Exit code of the installation, which is followed by what has to follow it."""
        assert self("SupportsRollback", self.tree)[1] == "Yes\n"
        assert self("Download", self.tree)[0] == 0
        with self.world.at_work():
            code, _ = self("ArtifactInstall", self.tree)
        if code == 0:
            assert self("NeedsArtifactReboot", self.tree)[1] == "No\n"
            assert self("ArtifactCommit", self.tree)[0] == 0
        else:
            for state in ("ArtifactRollback", "ArtifactFailure"):
                assert self(state, self.tree)[0] == 0
        assert self("Cleanup", self.tree)[0] == 0
        return code


@pytest.mark.slow
def test_mender_installs_what_proves_itself(world):
    assert Mender(world, "v2.sfm").update() == 0
    assert (world.state, world.device.position.active.version) == ("committed", 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unsigned.sfm", "v3.sfm"])
def test_mender_takes_back_what_does_not_and_nothing_else(staged, name):
    staged.device.cameras.sick.add(staged.file_digest(3))
    assert Mender(staged, name).update() == {"unsigned.sfm": 5, "v3.sfm": 7}[name]
    staged.device.turns(3)
    record = staged.device.store.read()
    assert (record.active.version, staged.digests[2] in record.refused) == (2, False)


@pytest.mark.slow
def test_thin_edge_lists_installs_and_removes(world):
    edge = Caller(world, "thin-edge/sfumato")
    assert edge("list") == (0, "")
    assert edge("prepare") == (0, "")
    bundle = world.folder / "v2.sfm"
    assert edge("install", "world", "--module-version", "2", "--file", bundle)[0] == 0
    assert edge("finalize") == (0, "")
    world.device.to_its_end()
    assert edge("list") == (0, "world\t2\n")
    assert edge("remove", "world", "--module-version", "1") == (0, "")
    assert world.state == "committed"
    assert edge("remove", "world", "--module-version", "2")[0] == 0
    world.device.turns(2)
    assert edge("list") == (0, "")
    unsigned = world.folder / "unsigned.sfm"
    assert edge("install", "world", "--module-version", "9", "--file", unsigned) == (2, "")
    assert edge("update-list") == (1, "")
    (world.device.folder / "models" / "slots").rmdir()
    (world.device.folder / "models" / "slots").write_text("no room")
    assert edge("install", "world", "--module-version", "3", "--file", world.folder / "v3.sfm") == (
        3,
        "",
    )
