"""A clock that is followed, one that nobody sets, and one that was never set."""

import pytest
from machine_clock import MachineClock

from agent.doctor.clock import look_at_clock

NOW = 1_795_000_000.0


@pytest.mark.parametrize("needed", [True, False])
def test_a_clock(needed):
    states = {
        (at, synced): look_at_clock(MachineClock(at, synced=synced).clock(), has_to_be_right=needed)
        for at in (0.0, NOW)
        for synced in (True, False)
    }
    assert states[NOW, True].state == states[0.0, True].state == "ok"
    assert (states[NOW, False].state, states[NOW, False].needed) == ("warning", False)
    assert (states[0.0, False].state, states[0.0, False].needed) == ("missing", needed)
    assert states[0.0, False].said.startswith("1970-01-01 00:00 UTC")
    assert (
        states[NOW, False].command == states[0.0, False].command == "sudo timedatectl set-ntp true"
    )
    assert not states[NOW, True].command
