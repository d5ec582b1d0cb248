"""Switch window: the hours of a day in which a device may switch to another model."""

from __future__ import annotations

_DAY_S = 86400


def waits_for(window: str | None, unix_s: float | None) -> str | None:
    """What is waited for before a switch; None: nothing.

    Args:
        unix_s: the time; None where the clock is not set.
    """
    if window is None:
        return None
    if unix_s is None:
        return f"it waits for {window} UTC, and the clock is not set"
    return None if is_open(window, unix_s) else f"it waits for {window} UTC"


def is_open(window: str, unix_s: float) -> bool:
    """Whether it is within a window.

    Args:
        window: `HH:MM-HH:MM`, UTC, the end not in it; over midnight if the end comes first, and
            the whole day if both are one.
    """
    begin_s, end_s = (_seconds(part) for part in window.split("-"))
    return begin_s == end_s or (unix_s - begin_s) % _DAY_S < (end_s - begin_s) % _DAY_S


def _seconds(text: str) -> int:
    hours, minutes = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes)
