"""Folder: a repository's files, each put in place whole, so that any web server can serve them.

`metadata/N.root.json`, `N.targets.json`, `N.snapshot.json` and `timestamp.json`, and
`targets/<sha256>.<path>`. Nothing but timestamp.json ever changes: it is written last, and names
the rest. What a command that was killed wrote before is named by nothing, and written anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from agent.errors import InputError, OutputError
from agent.fleet.repository.keys import is_signed
from models.offer import METADATA, TARGETS
from models.part_file import sweep
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_Part = TypeVar("_Part", Root, Targets, Snapshot, Timestamp)

TIMESTAMP = "timestamp.json"
_VERSIONED = re.compile(r"([1-9][0-9]{0,15})\.(root|targets|snapshot)\.json")
_BUNDLE = re.compile(r"[0-9a-f]{64}\..*\.sfm")
_MOST_BYTES = 16 << 20
"""Of a file of metadata. Chosen, not measured: an offered bundle takes 400 bytes."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """What a repository says now, each of it signed as its root demands."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]


class Folder:
    """Where a repository lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metadata, self._targets = path / METADATA, path / TARGETS

    @contextmanager
    def changing(self, *, new: bool = False) -> Iterator[None]:
        """Wait until no other process changes it, and keep others waiting meanwhile.

        Raises:
            InputError: there is no repository, and none is to be made.
            OutputError: it can't be written to.
        """
        if not new and not self._metadata.is_dir():
            raise self._none()
        try:
            for folder in (self._metadata, self._targets):
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(self._metadata, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                for folder in (self._metadata, self._targets):
                    sweep(folder)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            where = error.filename or self.path
            raise OutputError(f"{where}: can't be written ({error.strerror})") from error

    @property
    def is_published(self) -> bool:
        """Whether somebody can have read anything of it."""
        return (self._metadata / TIMESTAMP).exists()

    def read(self, *, also_by: Root | None = None) -> Published:
        """What it says now.

        Args:
            also_by: a root by which all but the root may be signed, too: that before a rotation
                which did not come to its end.

        Raises:
            InputError: there is none, or its files are damaged, or somebody else wrote them.
        """
        root = self.root()
        roots = [root.signed, *([also_by] if also_by else [])]
        timestamp = self._signed(TIMESTAMP, Timestamp, roots)
        version = timestamp.signed.snapshot_meta.version
        snapshot = self._signed(f"{version}.snapshot.json", Snapshot, roots)
        version = snapshot.signed.meta["targets.json"].version
        targets = self._signed(f"{version}.targets.json", Targets, roots)
        return Published(root, targets, snapshot, timestamp)

    def root(self, version: int | None = None) -> Metadata[Root]:
        """A root; the newest, unless it is said which.

        Raises:
            InputError: there is none, or it is damaged.
        """
        newest = self.newest("root")
        if not newest:
            raise self._none()
        return self._read(f"{version or newest}.root.json", Root)

    def newest(self, role: str) -> int:
        """The highest version of a role that there is a file of, named by others or not; or 0."""
        if not self._metadata.is_dir():
            return 0
        found = (_VERSIONED.fullmatch(path.name) for path in self._metadata.iterdir())
        return max((int(one[1]) for one in found if one and one[2] == role), default=0)

    def put(self, metadata: Metadata[Any]) -> None:
        """Write metadata by their role's name and version.

        Raises:
            OSError: the disk is full, or the folder can't be written to.
        """
        role, version = metadata.signed.type, metadata.signed.version
        name = TIMESTAMP if role == Timestamp.type else f"{version}.{role}.json"
        with whole_file(self._metadata / name) as file:
            os.fchmod(file.fileno(), 0o644)  # a web server reads it, whatever this umask is
            file.write(metadata.to_bytes())

    def put_bundle(self, source: Path, path: str, sha256: str) -> None:
        """Copy a bundle.

        Args:
            path: its target's.
            sha256: that it had when it was looked at.

        Raises:
            InputError: it has changed since.
            OSError: the disk is full, or the folder can't be written to.
        """
        target = self._targets / f"{sha256}.{path}"
        if target.exists() and measured(target)[0] == sha256:
            return
        with source.open("rb") as read, whole_file(target) as file:
            os.fchmod(file.fileno(), 0o644)
            if _copied(read, file) != sha256:
                raise InputError(f"{source}: was changed while it was read; run this again")

    def sweep_bundles(self, targets: Targets) -> None:
        """Delete bundles that are not offered: withdrawn ones, and those of a killed `add`."""
        offered = {f"{one.hashes['sha256']}.{path}" for path, one in targets.targets.items()}
        for path in self._targets.iterdir():
            if _BUNDLE.fullmatch(path.name) and path.name not in offered:
                path.unlink(missing_ok=True)

    def _read(self, name: str, kind: type[_Part]) -> Metadata[_Part]:
        path = self._metadata / name
        try:
            with path.open("rb") as file:
                found: Metadata[_Part] = Metadata.from_bytes(file.read(_MOST_BYTES))
        except OSError as error:
            raise InputError(f"{path}: can't be read ({error.strerror})") from error
        except (DeserializationError, RepositoryError, ValueError) as error:
            raise InputError(f"{path}: damaged; have the repository's backup back") from error
        if not isinstance(found.signed, kind):
            raise InputError(f"{path}: holds something else; have the repository's backup back")
        return found

    def _signed(self, name: str, kind: type[_Part], roots: Sequence[Root]) -> Metadata[_Part]:
        """Metadata that one of these roots has its keys sign."""
        found = self._read(name, kind)
        if not any(is_signed(found, root) for root in roots):
            raise InputError(
                f"{self._metadata / name}: not signed by this repository's keys; if `rotate` was "
                "stopped, run the same again, else somebody else wrote here"
            )
        return found

    def _none(self) -> InputError:
        return InputError(f"{self.path}: no repository; make one with `sfumato ctl repo init`")


def measured(path: Path) -> tuple[str, int]:
    """SHA-256 and length of a file.

    Raises:
        OSError: it can't be read.
    """
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            length += len(chunk)
    return digest.hexdigest(), length


def _copied(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()
