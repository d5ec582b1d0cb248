"""Roles: which keys sign what of a repository, as a root says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root
from tuf.api.serialization import DeserializationError

from agent.control.small_file import read_small_file
from agent.errors import InputError, UsageError
from agent.fleet.repository.keys import is_signed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuf.api.metadata import Key

    from agent.fleet.repository.keys import RepositoryKey


def read_root(path: Path) -> str:
    """A root's file, for devices to begin with.

    Raises:
        InputError: it can't be read, or is something else.
    """
    data = read_small_file(path)
    try:
        root = Metadata[Root].from_bytes(data)
        if root.signed.type == Root.type and is_signed(root, root.signed):
            return data.decode()
    except (DeserializationError, RepositoryError, ValueError):
        pass
    raise InputError(f"{path}: no root of a repository; that is FOLDER/metadata/1.root.json")


def root_of(
    root: Sequence[RepositoryKey],
    release: Sequence[RepositoryKey],
    online: Sequence[RepositoryKey],
    threshold: int | None = None,
    before: Root | None = None,
) -> Root:
    """A root, neither versioned nor signed yet.

    Args:
        root: keys that sign the next root; none: those of `before`.
        release: that sign what is offered, each by itself; none: likewise.
        online: that renew it each week, likewise.
        threshold: how many of `root` it takes; None: as before, or 1.

    Raises:
        UsageError: there are fewer keys.
    """
    made = Root(consistent_snapshot=True)
    given = {"root": root, "targets": release, "snapshot": online, "timestamp": online}
    for role, keys in given.items():
        held: dict[str, Key] = {key.tuf.keyid: key.tuf for key in keys}
        if not held and before is not None:
            held = {name: before.keys[name] for name in before.roles[role].keyids}
        made.roles[role] = Role(sorted(held), 1)
        made.keys |= held
    least = threshold
    if least is None:
        least = before.roles["root"].threshold if before else 1
    many = len(made.roles["root"].keyids)
    if not 1 <= least <= many:
        raise UsageError(f"--threshold {least}: there are {many} root keys")
    made.roles["root"] = Role(made.roles["root"].keyids, least)
    return made
