"""Room for what is kept, and the right to write there."""

import os
import tempfile
from pathlib import Path

import pytest

from agent.doctor.store import look_at_disk, look_at_state
from agent.doctor.user import User

ME = User(os.geteuid(), frozenset({os.getegid()}), is_service=False)
STRANGER = User(54321, frozenset(), is_service=True)
TOO_MUCH = 1 << 60


def test_where_the_agent_may_write(tmp_path):
    assert look_at_state(tmp_path, ME).state == "ok"
    assert look_at_disk(tmp_path, 0, ME).state == "ok"


@pytest.mark.parametrize("look", [look_at_state, lambda path, user: look_at_disk(path, 0, user)])
def test_where_it_may_not(tmp_path, look):
    tmp_path.chmod(0o755)
    finding = look(tmp_path, STRANGER)
    assert (finding.state, finding.needed) == ("missing", True)
    assert finding.said == f"the service may not write to {tmp_path}"
    assert finding.command == f"sudo chown --recursive sfumato: {tmp_path}"


def test_what_is_not_there_yet_is_made(tmp_path):
    new = tmp_path / "a/b"
    assert "systemd makes" in look_at_state(new, STRANGER).said
    assert look_at_state(new, ME).said == f"{new}, made at the first start"
    tmp_path.chmod(0o755)
    other = User(54321, frozenset(), is_service=False)
    closed = look_at_state(new, other)
    assert (closed.state, closed.said) == ("missing", f"this user may not write to {tmp_path}")
    assert f"free at {tmp_path}" in look_at_disk(new, 0, STRANGER).said


def test_a_disk_that_has_less_than_shall_stay_free(tmp_path):
    finding = look_at_disk(tmp_path / "video", TOO_MUCH, ME)
    assert (finding.state, finding.needed) == ("warning", False)
    assert "record.keep.free" in finding.said
    assert finding.command.startswith("sudo du -xh -d 2 /")


def test_what_only_others_may_look_into_is_no_fault_of_ours():
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else for a moment")
    with tempfile.TemporaryDirectory() as name:  # of root's alone
        inside = Path(name) / "video"
        inside.mkdir()
        os.seteuid(54321)
        try:
            found = look_at_state(inside, STRANGER), look_at_disk(inside, 0, STRANGER)
        finally:
            os.seteuid(0)
        assert [each.state for each in found] == ["ok", "ok"]
        assert f"free at {name}" in found[1].said
