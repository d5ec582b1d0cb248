"""Difference: what a changed configuration changes, and how much of it goes on meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.config.tree import leaves

if TYPE_CHECKING:
    from agent.config.tree import AgentConfig, StreamConfig

LIVE_IN_STREAM = frozenset(
    {
        ("hide", "classes"),
        ("hide", "conf"),
        ("hide", "effect"),
        ("hide", "margin"),
        ("look", "every"),
    }
)
"""What a stream takes on while it runs; anything else begins it anew."""

_LIVE = (
    ("floor",),
    ("record", "keep"),
    ("record", "segment_s"),
    ("groups",),
    ("mqtt",),
    ("control", "ops"),
    ("control", "remote"),
    ("telemetry", "prometheus"),
    ("telemetry", "interval_s"),
    ("telemetry", "home_assistant"),
    ("update", "probation_s"),
    ("update", "window"),
)
_RESTART = (
    ("device",),
    ("model",),
    ("record", "dir"),
    ("control", "operators"),
    ("update", "repository"),
    ("update", "root"),
    ("live",),
    ("limits",),
)
"""The parts of all others: one of these two holds every setting outside of streams."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between the configuration that runs and another one.

    Attributes:
        added: streams that are new.
        removed: streams that are no more.
        restarted: streams that begin anew.
        live: streams that go on with other settings, from the next frame on.
        settings: parts outside of streams that change while all goes on, as in `record.keep`.
        needs_restart: parts that change with the agent's next start only, as in `record.dir`.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """All that differs, in a few words each."""
        streams = (*self.added, *self.removed, *self.restarted, *self.live)
        return (*(f"streams.{name}" for name in streams), *self.settings, *self.needs_restart)

    def __bool__(self) -> bool:
        return self != Difference()


def difference(running: AgentConfig, wanted: AgentConfig) -> Difference:
    """What `wanted` changes; names of streams are in its order, or where it has none in the other's."""
    kept = {
        name: _changed(running.streams[name], stream)
        for name, stream in wanted.streams.items()
        if name in running.streams
    }
    return Difference(
        added=tuple(name for name in wanted.streams if name not in running.streams),
        removed=tuple(name for name in running.streams if name not in wanted.streams),
        restarted=tuple(name for name, changed in kept.items() if changed - LIVE_IN_STREAM),
        live=tuple(
            name for name, changed in kept.items() if changed and not changed - LIVE_IN_STREAM
        ),
        settings=_differing(running, wanted, _LIVE),
        needs_restart=_differing(running, wanted, _RESTART),
    )


def _changed(before: StreamConfig, now: StreamConfig) -> set[tuple[str, ...]]:
    """Paths of the settings that differ."""
    old = dict(leaves(before))
    return {path for path, value in leaves(now) if old[path] != value}


def _differing(
    running: AgentConfig, wanted: AgentConfig, parts: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    return tuple(
        ".".join(part) for part in parts if _settings(running, part) != _settings(wanted, part)
    )


def _settings(config: AgentConfig, part: tuple[str, ...]) -> dict[tuple[str, ...], object]:
    return {path: value for path, value in leaves(config) if path[: len(part)] == part}
