"""WallClock: what time it is, and whether anybody should believe it."""

from __future__ import annotations

import ctypes
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S = 2.0
"""Wall time that leaves the time since boot by more than this between two looks was set, by hand or
by a daemon; what slews a clock moves it by 30 ms a minute. Chosen, not measured."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""Systemd's own daemon puts it there once it has set the clock."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_TIME_ERROR, _STA_UNSYNC = 5, 0x40
_TIMEX_BYTES, _STATUS_AT = 512, 5 * ctypes.sizeof(ctypes.c_long)
"""Of struct timex: more than it has, and behind modes, offset, freq, maxerror, esterror."""


def _boottime_s() -> float:
    """Seconds since boot, with those that the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read_boot_id() -> str:
    return _BOOT_ID.read_text("ascii").strip()


def is_synced() -> bool:
    """Whether the kernel's clock follows a better one (NTP, PTP, GPS).

    A process that must not ask the kernel hears of systemd-timesyncd only.
    """
    timex = (ctypes.c_char * _TIMEX_BYTES)()  # modes 0: only to read
    state = _LIBC.adjtimex(timex)
    if state < 0:
        return _TIMESYNCD.exists()
    status = ctypes.c_int.from_buffer(timex, _STATUS_AT).value
    return state != _TIME_ERROR and not status & _STA_UNSYNC


class WallClock:
    """The machine's clock, from any thread.

    A machine that nobody synchronises is never `synced`, and its clock may still be right.

    Args:
        wall: Unix time, seconds.
        boottime: seconds since boot, which nobody can set.
        synced: whether wall time follows a better clock.
        boot_id: names this boot of the machine; None asks the kernel.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        boottime: Callable[[], float] = _boottime_s,
        synced: Callable[[], bool] = is_synced,
        boot_id: str | None = None,
    ) -> None:
        self._wall, self._boottime, self._synced = wall, boottime, synced
        self.boot_id = boot_id or _read_boot_id()
        self._steps = 0
        self._looking = threading.Lock()
        self._offset_s = wall() - boottime()

    def now(self) -> float:
        """Unix time, seconds, as the machine believes it."""
        return self._wall()

    def monotonic(self) -> float:
        """Seconds since boot; never set, never back, and on while the machine sleeps."""
        return self._boottime()

    @property
    def synced(self) -> bool:
        """Whether wall time follows a better clock by now."""
        return self._synced()

    @property
    def steps(self) -> int:
        """How often wall time was seen to be set, by more than `STEP_S`, since this was made.

        Only who looks sees one: a step there and back between two looks is none.
        """
        with self._looking:
            offset_s = self._wall() - self._boottime()
            if abs(offset_s - self._offset_s) > STEP_S:
                self._steps += 1
            self._offset_s = offset_s  # which a slewed clock moves, slowly
            return self._steps
