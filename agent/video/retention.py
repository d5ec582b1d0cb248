"""Retention: which recordings have to go, the oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agent.video.recording_name import RecordingName, SinceBoot

_DAY_S = 86400.0
_MOST_AT_ONCE = 200
"""So many are deleted in one go, for frames wait meanwhile: where limits were lowered it may be ten
thousands. Chosen, not measured: eight streams bring eight a minute."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept; None: no limit of this kind.

    Attributes:
        bytes: of all recordings together, those that are being written included.
        days: since a recording began.
        free: bytes that stay free on the file system.
    """

    bytes: int | None = None
    days: float | None = None
    free: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that is finished; a folder may hold ten thousands, so they share its path."""

    folder: Path
    name: RecordingName
    size_bytes: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / str(self.name)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by what can be believed.

    Attributes:
        unix_s: Unix time; None where the clock is not to be believed.
        synced: whether it follows a better clock.
        since_boot: the same moment.
    """

    unix_s: float | None
    synced: bool
    since_boot: SinceBoot


def retain(
    oldest_first: Sequence[Recording],
    keep: Keep,
    now: Moment,
    used_bytes: int,
    free_bytes: int,
    delete: Callable[[Recording], bool],
) -> int:
    """Delete what is too old, then the oldest until the rest fits; some now, the others next time.

    Args:
        oldest_first: by their numbers; `delete` may take them out.
        used_bytes: of all recordings, those that are being written included.
        free_bytes: on their file system.
        delete: deletes one, and says whether it is gone.

    Returns:
        How many were not too old and had to go all the same.
    """
    excess_bytes = max(
        0 if keep.bytes is None else used_bytes - keep.bytes,
        0 if keep.free is None else keep.free - free_bytes,
    )
    old = _expired(oldest_first, keep.days, now)
    if excess_bytes <= 0 and not old:
        return 0
    deleted = early = 0
    for recording in tuple(oldest_first):
        is_old = recording.name.number in old
        if (is_old or excess_bytes > 0) and delete(recording):
            excess_bytes -= recording.size_bytes
            deleted += 1
            early += not is_old
            if deleted == _MOST_AT_ONCE:
                break
    return early


def _expired(oldest_first: Sequence[Recording], days: float | None, now: Moment) -> set[int]:
    """Numbers of those that are surely older than `days`.

    One whose time nobody knows is at least as old as what was recorded later.
    """
    expired: set[int] = set()
    if days is None:
        return expired
    least_s = 0.0
    for recording in reversed(oldest_first):
        age_s = _least_age_s(recording.name, now)
        least_s = max(least_s, age_s)
        if (least_s if recording.name.since_boot else age_s) > days * _DAY_S:
            expired.add(recording.name.number)
    return expired


def _least_age_s(name: RecordingName, now: Moment) -> float:
    """Seconds that have passed since a recording began, or fewer, where that isn't known."""
    claimed_s = 0.0 if now.unix_s is None else now.unix_s - name.begin_s
    if name.since_boot is None:
        return claimed_s
    uptime_s = now.since_boot.uptime_ms / 1000
    if name.since_boot.boot == now.since_boot.boot:
        return uptime_s - name.since_boot.uptime_ms / 1000
    # Of another boot. Where no clock was ever checked, what it claimed is measured by the same one.
    return uptime_s if now.synced else max(uptime_s, claimed_s)
