"""The thread that everybody hands something to."""

import time

from simulated_agent import SimulatedAgent, terms_of

from agent.control.plane import MOST_WAITING, ControlPlane
from agent.wall_clock import WallClock


def test_events_that_there_was_no_room_for_are_counted(tmp_path):
    """They got no number, so no collector misses them: the count is all that tells of them."""
    path = tmp_path / "control.db"
    plane = ControlPlane(terms_of(1, "gate"), SimulatedAgent(tmp_path), path, WallClock(), "boot")
    for number in range(MOST_WAITING + 51):
        plane.tell("track", {"number": number})
    plane.start()
    deadline_s = time.monotonic() + 60
    while plane.counts is None or plane.counts.dropped < 50:
        assert time.monotonic() < deadline_s, plane.counts
        time.sleep(0.05)
    plane.stop()
    assert plane.counts.dropped == 50
