"""Cores: how many of this machine's a process may use."""

import os


def usable_cores() -> int:
    """As many as its affinity says; where a system knows none, as many as there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
