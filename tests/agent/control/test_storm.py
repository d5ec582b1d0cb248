"""A storm of events: what is too much is counted, and told of."""

import time

import pytest
from ports import free_port
from simulated_agent import SimulatedAgent, terms_of

from agent.control.plane import ControlPlane
from agent.wall_clock import WallClock

STORM = 10_050
PATIENCE_S = 60.0


@pytest.mark.slow
def test_every_event_of_a_storm_is_kept_or_counted(tmp_path):
    terms, device = terms_of(free_port(), "gate"), SimulatedAgent(tmp_path)
    plane = ControlPlane(terms, device, tmp_path / "control.db", WallClock(), "boot")
    for number in range(STORM):  # while its thread does something else
        plane.tell("track", {"number": number})
    plane.start()
    deadline = time.monotonic() + PATIENCE_S
    while (counts := plane.counts) is None or counts.queued + counts.dropped < STORM:
        assert time.monotonic() < deadline, plane.counts
        time.sleep(0.01)
    plane.stop()
    assert 0 < counts.dropped < 100
    assert counts.queued + counts.dropped in {STORM, STORM + 1}  # with the one that tells of it
