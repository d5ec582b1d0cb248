"""Who else uses this device's name, by what is heard on its own `conn`."""

import pytest

from agent.control.messages import Conn
from agent.control.twin import Twin

OWN, FOREIGN, BEFORE = "own", "foreign", "the-boot-before"
BEGAN = 1_000_000.0


def conn(boot_id, *, online=True, ts=None, clock_synced=False):
    reason = "start" if online else "lost"
    return Conn(online=online, boot_id=boot_id, reason=reason, ts=ts, clock_synced=clock_synced)


@pytest.mark.parametrize("again", [False, True], ids=["first connection", "a later one"])
@pytest.mark.parametrize("retained", [False, True], ids=["now", "retained"])
@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
@pytest.mark.parametrize("boot_id", [OWN, FOREIGN])
def test_a_twin_is_one_who_is_here_now_or_was_since_this_device_was(
    boot_id, online, retained, again
):
    twin = Twin(OWN)
    twin.connected()
    if again:
        twin.published()
        twin.connected()
    is_twin = boot_id == FOREIGN and online and (again or not retained)
    said = conn(boot_id, online=online)
    assert twin.is_shown_by(said, retained=retained, began_ts=None) is is_twin


def test_a_connection_that_was_lost_before_anything_was_said_shows_nothing():
    twin = Twin(OWN)
    twin.connected()
    twin.connected()
    assert not twin.is_shown_by(conn(FOREIGN), retained=True, began_ts=None)


def test_a_broker_that_has_forgotten_shows_this_devices_own_past():
    """It was killed, and says again what the boot before this one had said."""
    twin = Twin(OWN)
    twin.connected()
    assert not twin.is_shown_by(conn(BEFORE), retained=True, began_ts=None)
    twin.published()
    twin.connected()
    assert not twin.is_shown_by(conn(BEFORE), retained=True, began_ts=None)
    assert twin.is_shown_by(conn(FOREIGN), retained=True, began_ts=None)


@pytest.mark.parametrize(
    ("ts", "clock_synced", "began_ts", "is_twin"),
    [
        (BEGAN - 1, True, BEGAN, False),
        (BEGAN + 1, True, BEGAN, True),
        (BEGAN - 1, False, BEGAN, True),
        (None, False, BEGAN, True),
        (BEGAN - 1, True, None, True),
    ],
)
def test_what_was_said_before_this_boot_shows_nothing(ts, clock_synced, began_ts, is_twin):
    """A broker may also say what an even older boot had said; where clocks are set, they tell."""
    twin = Twin(OWN)
    twin.connected()
    twin.published()
    twin.connected()
    said = conn(FOREIGN, ts=ts, clock_synced=clock_synced)
    assert twin.is_shown_by(said, retained=True, began_ts=began_ts) is is_twin


def test_a_start_that_the_disk_remembers_is_never_a_twin():
    twin = Twin(OWN, lambda boot_id: boot_id == BEFORE)
    twin.connected()
    twin.published()
    twin.connected()
    for retained in (False, True):
        assert not twin.is_shown_by(conn(BEFORE), retained=retained, began_ts=None)
        assert twin.is_shown_by(conn(FOREIGN), retained=retained, began_ts=None)


@pytest.mark.parametrize(("ts", "is_twin"), [(BEGAN - 1, False), (BEGAN, False), (BEGAN + 1, True)])
def test_one_that_was_there_before_and_says_something_later_lives(ts, is_twin):
    """Clocks that nobody synchronises tell as much."""
    twin = Twin(OWN)
    twin.connected()
    assert not twin.is_shown_by(conn(FOREIGN, ts=BEGAN), retained=True, began_ts=BEGAN)
    twin.published()
    twin.connected()
    assert twin.is_shown_by(conn(FOREIGN, ts=ts), retained=True, began_ts=BEGAN) is is_twin


def test_one_without_a_clock_gives_itself_away_once_it_says_that_it_has_a_twin():
    twin = Twin(OWN)
    twin.connected()
    assert not twin.is_shown_by(conn(FOREIGN), retained=True, began_ts=None)
    assert not twin.is_shown_by(conn(FOREIGN), retained=True, began_ts=None)
    said = Conn(online=True, boot_id=FOREIGN, reason="twin", ts=None, clock_synced=False)
    assert twin.is_shown_by(said, retained=True, began_ts=None)
