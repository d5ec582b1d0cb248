"""Owner: root leaves files to whom a folder belongs, by being nobody else while it writes there."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """As root, have the rights of whom a folder belongs to, or else the nearest one above it.

    So the service can read what is written, and whoever got hold of the service's account can't
    have root write elsewhere by a link. Of others than root nothing changes. It is the whole
    process that changes.
    """
    owner = _owner(folder) if os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _owner(folder: Path) -> os.stat_result | None:
    """Of the nearest place on the way to a folder that isn't root's, be it a link; None: all are."""
    path = folder.absolute()
    for place in (path, *path.parents):
        for look in (place.lstat, place.stat):
            with suppress(OSError):  # there is nothing yet, or nothing behind a link
                if (found := look()).st_uid != 0:
                    return found
    return None
