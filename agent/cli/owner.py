"""Owner: root leaves files to whom a folder belongs, by being nobody else while it writes there."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """As root, have the rights of a folder's owner; what is missing belongs to whom its parent does.

    So the service can read what is written, and whoever got hold of the service's account can't
    have root write elsewhere by a link. Of others than root nothing changes. It is the whole
    process that changes.
    """
    while not folder.exists():
        folder = folder.parent
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
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
