"""Whether there is room for what the agent keeps, and whether it may write there."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from agent.doctor.finding import Finding
from agent.doctor.user import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.user import User

_WRITE_INTO = 3
_GIB = 1 << 30


def look_at_state(folder: Path, user: User) -> Finding:
    """Of where the agent keeps what outlives it."""
    if os.path.exists(folder):  # noqa: PTH110 False where it can't be looked into, not an error
        return _writable("state", folder, user) or Finding("state", "ok", f"{folder}")
    if user.is_service:
        return Finding("state", "ok", f"{folder}, which systemd makes at the first start")
    return _writable("state", _nearest(folder), user) or Finding(
        "state", "ok", f"{folder}, made at the first start"
    )


def look_at_disk(folder: Path, keep_free: int, user: User) -> Finding:
    """Of where recordings go.

    Args:
        keep_free: bytes that shall stay free on its file system.
    """
    near = _nearest(folder)
    if near == folder and (closed := _writable("disk", folder, user)):
        return closed
    free = shutil.disk_usage(near).free
    said = f"{free / _GIB:.1f} GiB free at {near}"
    if free < keep_free:
        said = f"{said}, less than the {keep_free / _GIB:.1f} that record.keep.free wants: the oldest recordings go"
        full = (
            f"sudo du -xh -d 2 {shlex.quote(str(_mount(near)))} | sort -h | tail   # what fills it"
        )
        return Finding("disk", "warning", said, full)
    return Finding("disk", "ok", said)


def _writable(name: str, folder: Path, user: User) -> Finding | None:
    """What is wrong where the agent can't write; None where it can."""
    try:
        if user.may(folder.stat(), _WRITE_INTO):
            return None
    except OSError as error:
        return Finding(name, "missing", f"{folder}: {error.strerror}", needed=True)
    owner = SERVICE if user.is_service else "$USER"
    said = f"{'the service' if user.is_service else 'this user'} may not write to {folder}"
    command = f"sudo chown --recursive {owner}: {shlex.quote(str(folder))}"
    return Finding(name, "missing", said, command, needed=True)


def _nearest(folder: Path) -> Path:
    """It, or what of its parents is there and can be seen."""
    return next(each for each in _upwards(folder) if os.path.exists(each))  # noqa: PTH110


def _mount(folder: Path) -> Path:
    """Where the file system begins that it is on."""
    return next(each for each in _upwards(folder) if each == each.parent or os.path.ismount(each))


def _upwards(folder: Path) -> Iterator[Path]:
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 links stay links
    yield folder
    yield from folder.parents
