"""What was accepted outlives power cuts, bad disks and the process that wrote it."""

import os
import signal
import subprocess
import sys

import pytest

from agent.config.remote_file import Accepted, RemoteFile, RemoteState
from agent.errors import OutputError


def state(rev):
    sections = {"streams": {"door": f"rtsp://h/{rev}"}}
    return RemoteState(rev=rev, digest="d", accepted=Accepted(rev=rev, sections=sections))


@pytest.fixture
def file(tmp_path):
    return RemoteFile(tmp_path / "state")


def test_where_nothing_was_kept_there_is_nothing(file):
    assert file.read() == (RemoteState(), "")


def test_what_was_written_is_read(file):
    for rev in (1, 2):
        file.write(state(rev))
        assert RemoteFile(file.path.parent).read() == (state(rev), "")
    names = {path.name for path in file.path.parent.iterdir()}
    assert names == {"remote.json", "remote.copy.json"}


def test_a_refusal_is_kept_with_what_was_accepted_before(file):
    refused = RemoteState(rev=8, digest="d", errors={"streams": "no"}, accepted=state(7).accepted)
    file.write(refused)
    assert file.read() == (refused, "")


@pytest.mark.slow
def test_wherever_the_file_is_cut_the_copy_is_taken(file):
    """Facts, line 23: whatever a restart finds, the last good configuration is there."""
    file.write(state(3))
    whole = file.path.read_bytes()
    for length in range(len(whole)):
        file.path.write_bytes(whole[:length])
        found, wrong = file.read()
        assert found == state(3)
        assert wrong.startswith(f"{file.path} is damaged")
        assert wrong.endswith("; its copy of rev 3 was taken")


def test_where_the_file_is_missing_its_copy_is_taken(file):
    file.write(state(3))
    file.path.unlink()
    assert file.read() == (state(3), f"{file.path} is missing; its copy of rev 3 was taken")


@pytest.mark.slow
def test_no_flipped_bit_makes_another_configuration(file):
    file.write(state(3))
    whole = file.path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 4, 32):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            file.path.write_bytes(flipped)
            assert file.read()[0] == state(3)


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[" * 100_000, b"x" * 2_000_000])
def test_where_both_are_damaged_nothing_is_left_and_that_is_said(file, content):
    file.write(state(3))
    for path in file.path.parent.iterdir():
        path.write_bytes(content)
    found, wrong = file.read()
    assert found == RemoteState()
    assert wrong.startswith(f"{file.path} is damaged")
    assert wrong.endswith("; its copy is of no use")
    file.write(state(4))
    assert file.read() == (state(4), "")


def test_a_file_that_can_not_be_read_is_told_from_none(file):
    file.path.mkdir(parents=True)
    _, wrong = file.read()
    assert "can't be read (Is a directory); its copy is of no use" in wrong
    with pytest.raises(OutputError, match=r"can't be read \(Is a directory\)"):
        file.reset()


def test_a_disk_that_takes_nothing_is_said(tmp_path):
    (tmp_path / "state").write_text("a file in the folder's place")
    with pytest.raises(OutputError, match=r"can't write .*/state/remote\.json \("):
        RemoteFile(tmp_path / "state").write(state(1))


def test_a_reset_drops_what_was_accepted_and_no_copy_brings_it_back(file):
    file.write(state(7))
    assert file.reset() == state(7)
    for damaged in (False, True):
        if damaged:
            file.path.write_bytes(b"{")
        found, _ = file.read()
        assert (found.rev, found.digest, found.accepted) == (7, "d", None)
        assert "reset-remote" in found.errors["rev"]
    assert file.reset().accepted is None


def test_a_reset_of_nothing_writes_nothing(file):
    assert file.reset() == RemoteState()
    assert not file.path.parent.exists()


WRITER = """
import sys
from pathlib import Path
from agent.config.remote_file import Accepted, RemoteFile, RemoteState
file = RemoteFile(Path(sys.argv[1]))
for rev in range(1, 100_000):
    file.write(RemoteState(rev=rev, accepted=Accepted(rev=rev, sections={"streams": {"a": "x" * 500}})))
    print(rev, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_the_last_one_or_the_next_is_there(file):
    for kill in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file.path.parent)], stdout=subprocess.PIPE, text=True
        ) as writer:
            for _ in range(5 + kill):
                line = writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
            last = [line, *writer.stdout.readlines()][-1]
        found, wrong = file.read()
        assert (found.rev - int(last) in (0, 1), wrong) == (True, "")
        assert found.accepted.rev == found.rev


def test_it_is_for_its_owner_alone(file):
    before = os.umask(0o022)
    try:
        file.write(state(1))
    finally:
        os.umask(before)
    folder = file.path.parent
    modes = {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes == {0o700, 0o600}
