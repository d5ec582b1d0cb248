"""What time it is, told by a machine whose clock is set, slewed and synchronised."""

import ctypes
import time
from pathlib import Path

from machine_clock import MachineClock

from agent.wall_clock import WallClock


def test_time_passes_without_a_step():
    machine = MachineClock(1_000)
    clock = machine.clock()
    for _ in range(100):
        machine.turn(3600)
        assert clock.steps == 0
    assert (clock.now(), clock.monotonic()) == (361_000, 360_000)


def test_a_clock_that_is_set_forward_or_back_is_noticed_once():
    machine = MachineClock(0)
    clock = machine.clock()
    for count, by_s in enumerate((1.7e9, -3600, 2.1, -2.1), 1):
        machine.wall_s += by_s
        assert clock.steps == count
        machine.turn(60)
        assert clock.steps == count
    assert clock.monotonic() == 240


def test_a_clock_that_is_slewed_makes_no_step_however_far_it_comes():
    machine = MachineClock(0)
    clock = machine.clock()
    for _ in range(10_000):
        machine.turn(60)
        machine.wall_s += 0.03  # the 500 ppm that Linux slews by
        assert clock.steps == 0


def test_a_step_of_less_than_two_seconds_is_none():
    machine = MachineClock(0)
    clock = machine.clock()
    machine.wall_s += 1.9
    assert clock.steps == 0


def test_whether_it_is_synced_is_asked_each_time():
    machine = MachineClock(0, synced=False)
    clock = machine.clock()
    assert not clock.synced
    machine.synced = True
    assert clock.synced


class Timex(ctypes.Structure):
    """As adjtimex(2) describes it, up to what is asked for."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 400),
    )


def uptime_s():
    return float(Path("/proc/uptime").read_text("ascii").split()[0])


def test_of_this_machine_it_says_what_the_kernel_does():
    clock = WallClock()
    timex = Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    assert clock.synced == (state in range(5) and not timex.status & 0x40)
    began_s, up_s = time.time(), uptime_s()
    now_s, monotonic_s = clock.now(), clock.monotonic()
    assert began_s - 1 < now_s < time.time() + 1
    assert up_s - 1 < monotonic_s < uptime_s() + 1
    assert len(clock.boot_id.replace("-", "")) == 32
    assert clock.steps == 0
