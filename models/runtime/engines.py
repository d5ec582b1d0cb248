"""Engines: the folder in which a device keeps the engines that it built.

A plan is code, so the folder is its owner's alone, and nothing is run that lies in another's. It
holds nothing that can't be made again: whatever is wrong with a file, it is built anew.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from models.errors import EngineError
from models.part_file import sweep
from models.runtime.engine_file import (
    MAX_HEADER_BYTES,
    SUFFIX,
    EngineFile,
    key_of_engine,
)
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from models.runtime.engine_build import BuildWatch
    from models.runtime.engine_key import EngineKey

MOST_ENGINES = 16
"""Of a device; what was used longest ago gives way. Chosen, not measured: two bundles in two
precisions, each before and after an update, fill half of it."""

TRIED_AGAIN_AFTER_S = 24 * 3600.0
"""What can't be built today may be tomorrow, with more memory; but not at every start, for it may
take minutes to fail. Chosen, not measured."""

_FAILED = ".failed"
_LOCK = "building.lock"
_MOST_LETTERS = 500
_LOOKS_EVERY_S = 0.2
"""Whether another's build is over. Chosen, not measured: a build takes minutes."""


class Engines:
    """Engines by their keys.

    Args:
        folder: of them; it is made, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: EngineKey) -> bytes | None:
        """The plan that was built for a key; None where there is none, or it is damaged."""
        path = self._path(key)
        try:
            self._check_ours()
            found = EngineFile.from_bytes(path.read_bytes())
        except (OSError, EngineError):
            return None
        if found.key != key:
            return None
        with suppress(OSError):
            os.utime(path)  # what is used stays
        return found.plan

    def get(
        self,
        key: EngineKey,
        build: Callable[[], bytes],
        watch: BuildWatch,
        *,
        again: bool = False,
    ) -> bytes:
        """The plan for a key, built where there is none; two processes build it once.

        An engine that can't be kept is run all the same, and built again at the next start: the
        watch is told.

        Args:
            key: what for.
            build: makes a plan.
            watch: is told what is waited for, and may cancel.
            again: build even where that failed a short while ago.

        Raises:
            EngineError: it can't be built, or was cancelled.
        """
        if (plan := self.find(key)) is not None:
            return plan
        with self._alone(watch):
            if (plan := self.find(key)) is not None:  # another one was building it
                return plan
            if not again and (reason := self._failure(key)):
                raise EngineError(f"{reason}; `sfumato engine build` tries again")
            try:
                plan = build()
            except EngineError as error:
                if not watch.cancelled():
                    self._note_failure(key, str(error))
                raise
            self._keep(key, plan, watch)
            return plan

    def _keep(self, key: EngineKey, plan: bytes, watch: BuildWatch) -> None:
        try:
            self._check_ours()
            with whole_file(self._path(key)) as file:
                file.write(EngineFile(key, plan).to_bytes())
        except OSError as error:
            watch.said(f"{self._folder}: can't keep the engine ({error.strerror or error})")
        else:
            with suppress(OSError):
                self._path(key, _FAILED).unlink(missing_ok=True)
            self._prune(key)

    def _failure(self, key: EngineKey) -> str | None:
        """Why an engine could not be built lately."""
        path = self._path(key, _FAILED)
        with suppress(OSError):
            if abs(time.time() - path.stat().st_mtime) < TRIED_AGAIN_AFTER_S:
                return path.read_text("utf-8")[:_MOST_LETTERS]
        return None

    def _note_failure(self, key: EngineKey, reason: str) -> None:
        with suppress(OSError):
            self._path(key, _FAILED).write_text(reason, "utf-8")

    def drop(self, key: EngineKey) -> None:
        """Forget an engine that is of no use."""
        with suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: EngineKey, suffix: str = SUFFIX) -> Path:
        return self._folder / f"{key.digest}{suffix}"

    def _check_ours(self) -> None:
        """See that nobody else could have put something there.

        Raises:
            OSError: somebody could.
        """
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(0, "it is no folder of this user's own")
        if found.st_mode & 0o077:
            self._folder.chmod(0o700)
            for path in self._folder.glob(f"*{SUFFIX}"):
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self, watch: BuildWatch) -> Iterator[None]:
        """Nobody else builds in this folder; where it can't be locked, all may.

        Raises:
            EngineError: it was cancelled.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # a place that can't be written to: what is built there is not kept, either
            yield
            return
        try:
            waits = False
            while not _locked(descriptor):
                if watch.cancelled():
                    raise EngineError("building the engine was cancelled")
                if not waits:
                    watch.said("another process builds an engine; waiting for it")
                waits = True
                time.sleep(_LOOKS_EVERY_S)
            yield
        finally:
            os.close(descriptor)

    def _prune(self, key: EngineKey) -> None:
        """Delete what no device like this one will run, and what was used longest ago."""
        sweep(self._folder)
        now = time.time()
        for path in self._folder.glob(f"*{_FAILED}"):
            with suppress(OSError):
                if now - path.stat().st_mtime > TRIED_AGAIN_AFTER_S:
                    path.unlink()
        kept: list[tuple[float, Path]] = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(OSError):
                if _is_of_no_use(path, key):
                    path.unlink()
                else:
                    kept.append((path.stat().st_mtime, path))
        for _, path in sorted(kept, reverse=True)[MOST_ENGINES:]:
            with suppress(OSError):
                path.unlink()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        pass
    return True


def _is_of_no_use(path: Path, key: EngineKey) -> bool:
    """Whether a file's engine was built on another machine than this key's, or is none at all."""
    try:
        with path.open("rb") as file:
            return key.is_of_another_machine(key_of_engine(file.read(2 * MAX_HEADER_BYTES)))
    except EngineError:
        return True
