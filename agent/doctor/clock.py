"""Whether the clock is one to believe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.control.clock import EARLIEST_S
from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from agent.wall_clock import WallClock

_SET = "sudo timedatectl set-ntp true"


def look_at_clock(wall: WallClock, *, has_to_be_right: bool) -> Finding:
    """Of the machine.

    Args:
        has_to_be_right: certificates are judged by it.
    """
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(wall.now()))
    if wall.synced:
        return Finding("clock", "ok", f"{now}, follows a better one")
    if wall.now() >= EARLIEST_S:
        return Finding("clock", "warning", f"{now}, as far as it knows: no NTP has set it", _SET)
    said = f"{now}: it was never set; recordings get their times once it is"
    return Finding("clock", "missing", said, _SET, needed=has_to_be_right)
