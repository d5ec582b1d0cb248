"""Provisioning is killed at every step that it takes on the disk: one whole identity is in use."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from office import Office

from agent.control.enrolment import install, request
from agent.control.identity import Identity
from agent.control.slots import Slots

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]

ROOT = Path(__file__).resolve().parents[3]
CHANGES = "/^((mkdir|rmdir|unlink|rename|link|symlink|fchmod)(at|at2)?|write|fsync|ftruncate)$"
"""Every system call by which the folder changes but an open, which the write after it stands for."""

PROGRAM = """
import sys
from pathlib import Path
from agent.control.enrolment import install, request
from agent.control.provision_answer import ProvisionAnswer

folder = Path(sys.argv[1])
if len(sys.argv) == 2:
    request(folder, "gate-7")
else:
    install(folder, ProvisionAnswer.read(Path(sys.argv[2])), lambda identity: None)
"""


def first_request(_, at):
    at.mkdir(mode=0o700)


def first_install(office, at):
    return office.answer(request(at, "gate-7").pem)


def renewed_request(office, at):
    for _ in range(2):  # so that the spare slot isn't empty
        office.provision(at)


def renewed_install(office, at):
    office.provision(at)
    return office.answer(request(at, "gate-7").pem)


def another_answer(office, at):
    """To the request that was answered before: for the key that is in use."""
    office.provision(at)
    asked = request(at, "gate-7").pem
    install(at, office.answer(asked), lambda _: None)
    return office.answer(asked)


STEPS = {
    first_request: 14,
    first_install: 22,
    renewed_request: 19,
    renewed_install: 23,
    another_answer: 36,
}
"""Calls of each; a step that comes to be, or goes, is looked at."""


def traced(log, at, answer, *options):
    """The program under strace; its exit code."""
    command = ["strace", "-f", "-y", "-qq", "-o", log, "-e", f"trace={CHANGES}", *options]
    words = [sys.executable, "-c", PROGRAM, at, *([answer] if answer else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def calls_in(log):
    """Names of the system calls, in order."""
    return re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)


def in_use(folder):
    """The serial of the identity in use; None: not provisioned."""
    if Slots(folder).current is None:
        return None
    return Identity.read(folder).serial


def finish(office, folder, answer):
    """What a person does after it was killed: the same again, to its end."""
    if answer is None:
        answer = office.answer(request(folder, "gate-7").pem)
    return install(folder, answer, lambda _: None).serial


@pytest.mark.parametrize("prepare", STEPS, ids=lambda prepare: prepare.__name__)
def test_killed_at_any_step_the_old_identity_or_the_new_one_is_in_use(prepare, tmp_path):
    office = Office(tmp_path / "office")
    prepared, log = tmp_path / "prepared", tmp_path / "log"
    answer = prepare(office, prepared)
    path = tmp_path / "answer.json"
    if answer:
        path.write_bytes(answer.to_json())
    old = in_use(prepared)

    whole = shutil.copytree(prepared, tmp_path / "whole", symlinks=True)
    assert traced(log, whole, answer and path) == 0
    new = in_use(whole)
    calls = calls_in(log)
    assert len(calls) == STEPS[prepare], log.read_text()

    seen = set()
    for step, name in enumerate(calls):
        folder = shutil.copytree(prepared, tmp_path / str(step), symlinks=True)
        when = calls[: step + 1].count(name)
        killed = traced(
            log, folder, answer and path, "-e", f"inject={name}:signal=SIGKILL:when={when}"
        )
        assert killed == -signal.SIGKILL
        assert len(calls_in(log)) == step + 1
        assert in_use(folder) in {old, new}
        seen.add(in_use(folder))
        readable = [
            file
            for file in folder.rglob("*")
            if file.is_file() and file.stat().st_size and file.stat().st_mode & 0o077
        ]
        assert readable == []
        assert finish(office, folder, answer) == in_use(folder)
    assert seen == {old, new}


def synced_or_moved(log):
    """Of each write, fsync, link and rename, and of what: its name without what PartFile adds."""
    found = re.findall(r'(write|fsync)\(\d+<([^>]+)>|(link|rename)\("[^"]+", "([^"]+)"', log)
    calls = [(first or second, Path(at or to).name) for first, at, second, to in found]
    return [(call, re.sub(r"^\.(\w+)\..*\.partial", r"\1", name)) for call, name in calls]


def test_the_disk_holds_a_key_before_anybody_is_asked_to_certify_it(tmp_path):
    log, folder = tmp_path / "log", tmp_path / "identity"
    assert traced(log, folder, None) == 0
    steps = synced_or_moved(log.read_text())
    asked = steps.index(("write", "request.csr"))
    key = steps.index(("write", "device.key"))
    in_place = steps.index(("link", "device.key"))
    assert key < steps.index(("fsync", "device.key")) < in_place < asked
    assert ("fsync", "slot-a") in steps[in_place:asked]
    assert ("fsync", "identity") in steps[:key]


def test_the_disk_holds_a_slot_before_it_is_in_use(tmp_path):
    office, folder = Office(tmp_path / "office"), tmp_path / "identity"
    answer, log = tmp_path / "answer.json", tmp_path / "log"
    answer.write_bytes(first_install(office, folder).to_json())
    assert traced(log, folder, answer) == 0
    steps = synced_or_moved(log.read_text())
    used = steps.index(("rename", "current"))
    for name in ("ca.crt", "device.crt", "broker.json"):
        assert steps.index(("write", name)) < steps.index(("fsync", name)) < used
    in_place = max(
        steps.index(("rename", name)) for name in ("ca.crt", "device.crt", "broker.json")
    )
    assert ("fsync", "slot-a") in steps[in_place:used]
    assert steps[used + 1 :] == [("fsync", "identity")]
