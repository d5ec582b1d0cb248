"""Store: the bundles that lie on a device, each in a slot, and which of them runs.

    models/record.json             what is true (agent.update.record); its copy beside it
    models/slots/DIGEST/bundle.sfm a bundle, whole: it gets its name by one rename
    models/parts/DIGEST            as much of one as has come
    models/active, previous, candidate
                                   links to slots, made after the record, for people and programs
    models/tuf/                    what is known of the repository

A bundle is named by its digest, that of its manifest. Whether a trusted key signed it is asked by
whoever opens it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from agent.update.ports import RefusedError
from agent.update.record import Held, Record
from agent.update.record_file import DamagedRecordError, RecordFile
from agent.update.rollout import not_started, rolled_back, staged, started
from models.part_file import sync
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.offer import Offer

_log = logging.getLogger(__name__)

FOLDER = "models"
"""In the state folder."""
_BUNDLE = "bundle.sfm"
_LINKS = ("active", "previous", "candidate")
RESERVE_BYTES = 32 << 20
"""Left free beside a bundle, for recordings' last segments and events. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Own:
    """The configuration's own bundle."""

    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class Start:
    """A bundle that an agent may run when it starts.

    Attributes:
        digest: of it; None where nothing is known of the configuration's own.
        path: its file; None: the configuration's own.
        why: it is this one, for the log.
    """

    digest: str | None
    path: Path | None
    why: str


class Store:
    """All of it; of the agent and of people's commands at once, a change at a time.

    Args:
        state: the agent's state folder.

    Attributes:
        metadata: a folder for what is known of the repository; need not be there.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._file = RecordFile(self._folder)
        self._found: Record | None = None
        self.metadata = self._folder / "tuf"

    @property
    def found(self) -> Record:
        """What was true when this was first asked for anything."""
        return Record() if self._found is None else self._found

    def read(self) -> Record:
        """What is true now.

        Raises:
            DamagedRecordError: nobody knows.
        """
        record = self._file.read()
        self._found = self._found or record
        return record

    def change(self, rule: Callable[[Record], Record]) -> Record:
        """Have a rule say what is true from now on; it is on the disk when this returns.

        Raises:
            DamagedRecordError: nobody knows what it would change.
            OSError: it can't be written; all is as it was, or as the rule says.
        """
        self.read()
        record = self._file.change(rule)
        self._link(record)
        return record

    def at_start(self, configured: str | None) -> tuple[Start, ...]:
        """What to run, the first that can be loaded; by `would_not_start` this hears of the others.

        A start of a model on probation is counted, and not made where it can't be counted.

        Args:
            configured: digest of the configuration's bundle; None where it names none, or it can't
                be read.
        """
        own = Start(configured, None, "the configuration names it")
        try:
            record = self.change(lambda record: started(record, configured))
        except DamagedRecordError as error:
            _log.error("%s", error)
            return (*self._linked(), own)
        except OSError as error:
            _log.warning("%s can't be written (%s)", self._folder, error.strerror)
            record = _uncounted(self.read(), configured)
        found = []
        if record.active is not None:
            found.append(self._start(record.active, "it was installed"))
        if isinstance(record.previous, Held):
            found.append(self._start(record.previous, "it ran before"))
        return (*(start for start in found if start.path and start.path.is_file()), own)

    def in_order(self, record: Record, own: Own | None) -> list[tuple[str | None, Path | None]]:
        """Digest and file of what should run, and of what may where that can't be loaded.

        In the end there is none, and every frame is covered whole.
        """
        held = [each for each in (record.active, record.previous) if isinstance(each, Held)]
        slots = [(each.digest, self.bundle(each.digest)) for each in held]
        return [*slots, *([(own.digest, own.path)] if own else []), (None, None)]

    def would_not_start(self, start: Start, reason: str) -> None:
        """What `at_start` named can't be loaded; on probation it has failed."""
        _log.error("bundle %s can't be run: %s", (start.digest or "")[:12], reason)

        digest = start.digest
        if digest is None or start.path is None:
            return
        try:
            self.change(lambda record: not_started(record, digest, reason))
        except (OSError, DamagedRecordError) as error:
            _log.warning("it could not be written down: %s", error)

    def bundle(self, digest: str) -> Path:
        """Where a bundle lies, or would."""
        return self._slot(digest) / _BUNDLE

    def part(self, digest: str) -> Path:
        """Where as much of a bundle lies as has come; its folder is there.

        Raises:
            OSError: the folder can't be made.
        """
        folder = self._folder / "parts"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / digest

    def holds(self, offer: Offer) -> bool:
        """Whether a bundle lies in its slot as it is offered, to the last byte."""
        try:
            with self.bundle(offer.custom.digest).open("rb") as file:
                if os.fstat(file.fileno()).st_size != offer.length:
                    return False
                whole = hashlib.sha256()
                while block := file.read(1 << 20):
                    whole.update(block)
        except OSError:
            return False
        return whole.hexdigest() == offer.sha256

    def make_room(self, offer: Offer) -> None:
        """Delete what is not needed, and see that there is room for the rest of a bundle.

        Raises:
            RefusedError: there is not.
            OSError: nobody can tell.
        """
        part = self.part(offer.custom.digest)
        self.clean(keep=offer.custom.digest)
        came = part.stat().st_size if part.exists() else 0
        needed = offer.length - min(came, offer.length) + RESERVE_BYTES
        free = shutil.disk_usage(part.parent).free
        if free < needed:
            raise RefusedError(
                f"precondition_failed: disk: {needed} bytes are needed, and {free} are free"
            )

    def put(self, digest: str) -> None:
        """Have a part that came whole, and is on the disk, be what lies in its slot.

        Raises:
            OSError: it can't be.
        """
        part = self.part(digest)
        with self._file.locked():
            self._make_slot(digest)
            part.replace(self.bundle(digest))
            sync(self._slot(digest))

    def stage(self, source: BinaryIO, held: Held) -> None:
        """Have a copy of a bundle lie in its slot, for a person to activate.

        Raises:
            DamagedRecordError: nobody knows what lies here.
            OSError: it can't be read, or written.
        """
        self.change(lambda record: staged(record, held))  # first, or it might be cleaned away
        self._make_slot(held.digest)
        with whole_file(self.bundle(held.digest)) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)

    def held(self) -> tuple[str, ...]:
        """Digests of the bundles that lie here, in order."""
        try:
            slots = sorted((self._folder / "slots").iterdir())
        except OSError:
            return ()
        return tuple(slot.name for slot in slots if (slot / _BUNDLE).is_file())

    def clean(self, keep: str | None = None) -> None:
        """Delete slots and parts that nothing needs; what a killed process left, too."""
        with self._file.locked():
            self._file.sweep()
            for name in _LINKS:
                self._new(name).unlink(missing_ok=True)
            record = self.read()
            self._link(record)
            needed = record.slots | {keep}
            for kind in ("slots", "parts"):
                folder = self._folder / kind
                for each in sorted(folder.iterdir()) if folder.is_dir() else ():
                    if each.name.partition(".")[0] not in needed:
                        _delete(each)

    def _make_slot(self, digest: str) -> None:
        slot = self._slot(digest)
        for folder in (slot.parent, slot):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                sync(folder.parent)

    def _slot(self, digest: str) -> Path:
        return self._folder / "slots" / digest

    def _start(self, held: Held, why: str) -> Start:
        return Start(held.digest, self.bundle(held.digest), why)

    def _link(self, record: Record) -> None:
        """Have links say what the record does; nothing but a lost record depends on them."""
        targets = zip(_LINKS, (record.active, record.previous, record.candidate), strict=True)
        for name, held in targets:
            link = self._folder / name
            target = f"slots/{held.digest}" if isinstance(held, Held) else None
            try:
                if target == (os.readlink(link) if link.is_symlink() else None):  # noqa: PTH115
                    continue
                if target is None:
                    link.unlink()
                    continue
                new = self._new(name)
                new.unlink(missing_ok=True)
                new.symlink_to(target)
                new.replace(link)
            except OSError as error:
                _log.warning("%s can't be made (%s)", link, error.strerror)

    def _new(self, name: str) -> Path:
        return self._folder / f".{name}.new"

    def _linked(self) -> tuple[Start, ...]:
        """What links say that runs and ran, where the record is lost."""
        found = []
        for name in _LINKS[:2]:
            try:
                digest = (self._folder / name).resolve(strict=True).name
            except OSError:
                continue
            found.append(Start(digest, self.bundle(digest), "a link says so"))
        return tuple(start for start in found if start.path and start.path.is_file())


def _uncounted(record: Record, configured: str | None) -> Record:
    """By what to start where nothing can be written."""
    change = record.change
    if change is not None and change.state == "active":
        return rolled_back(record, "its start can't be counted", refuse=False)
    return started(record, configured)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
