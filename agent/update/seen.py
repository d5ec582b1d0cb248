"""Seen: the newest that a repository has shown this device, in a file of our own.

What python-tuf keeps is not on the disk when it says so: after a power cut its files may be empty,
and a server from last year would be believed. This file is written whole, once what it tells of is
on the disk.

A version counts as long as one of the keys that it was signed by still signs (TUF 5.3.11): if a
stolen key made versions leap ahead, the root's owners replace it, and counting begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from agent.update.ports import UnavailableError
from models.manifest import Sha256  # noqa: TC001 pydantic reads the annotations
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 1 << 16
"""Chosen, not measured: one of four roles has 700 bytes."""


class SeenRole(StrictModel):
    """A role's version, and the ids of the keys that may reset it by being replaced."""

    version: int = Field(ge=1)
    keys: tuple[str, ...] = Field(max_length=64)


class Seen(StrictModel):
    """All of it.

    Attributes:
        root_sha256: of the file that the device was given; a person who gives another begins anew.
        root: version of the newest root; nothing resets it.
        roles: `timestamp`, `snapshot`, `targets`.
        time_s: Unix time of the newest look at it that a better clock vouched for.
    """

    root_sha256: Sha256
    root: int = Field(ge=1)
    roles: dict[str, SeenRole] = Field(max_length=8)
    time_s: float = 0.0

    def older(self, now: Seen) -> str | None:
        """Which role is older now than it was; None: none."""
        if self.root_sha256 != now.root_sha256:
            return None
        if now.root < self.root:
            return f"root {now.root}, after {self.root}"
        for name, was in self.roles.items():
            role = now.roles.get(name)
            if role is None or (set(was.keys) & set(role.keys) and role.version < was.version):
                return f"{name} {role.version if role else 'gone'}, after {was.version}"
        return None


def read_seen(path: Path) -> Seen | None:
    """What was seen; None: nothing yet.

    Raises:
        UnavailableError: that can't be told; nothing is installed as long as it is so.
    """
    try:
        with path.open("rb") as file:
            return Seen.model_validate_json(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"{path}: can't be read ({error.strerror})") from error
    except ValidationError as error:
        raise UnavailableError(
            f"{path} is damaged: it can't be told whether the repository is an old copy; "
            "remove it if you know that it is not"
        ) from error


def write_seen(path: Path, seen: Seen) -> None:
    """Keep it, whole and on the disk.

    Raises:
        OSError: it can't be written.
    """
    with whole_file(path) as file:
        file.write(seen.model_dump_json(indent=1).encode())
