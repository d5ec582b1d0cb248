"""Summary: how all streams are, in a line for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.telemetry.status import StreamStatus


def summary(streams: Mapping[str, StreamStatus], hide: Callable[[str], str]) -> str:
    """How many run, and of each other what it does instead, and why.

    Args:
        hide: takes secrets out of a reason.
    """
    running = sum(status.state == "running" for status in streams.values())
    odd = [
        f"{name} {status.state}" + (f" ({hide(status.reason)})" if status.reason else "")
        for name, status in streams.items()
        if status.state != "running"
    ]
    return "; ".join([f"{running} of {len(streams)} streams running", *odd])
