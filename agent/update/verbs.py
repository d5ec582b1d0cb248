"""Verbs: what a person at the device, or another program there, does with its models.

They are the same store's and the same rules' as the agent's own updates. A running agent sees
within a second what they wrote, and one that does not run goes by it at its next start. Each may be
given twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from agent.update import rollout
from agent.update.record import UNDER_WAY, Held
from agent.update.updater import LOOK_S

if TYPE_CHECKING:
    from agent.update.record import Change, Record
    from agent.update.store import Store


class RefusedVerbError(Exception):
    """It can't be done, or has not come about; one line says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A bundle, and what it is here.

    Attributes:
        role: active, previous, candidate.
        name, version: None where it is the configuration's own.
        digest: None where nobody knows.
    """

    role: str
    name: str | None
    version: int | None
    digest: str | None


def stage(store: Store, source: BinaryIO, held: Held) -> None:
    """Have a bundle lie in its slot; nothing runs it yet.

    Raises:
        DamagedRecordError, OSError: of the store.
    """
    record = store.read()
    known = (record.active, record.previous, record.candidate)
    if held not in known or not store.bundle(held.digest).is_file():
        store.stage(source, held)


def activate(store: Store, beginning: str) -> Held:
    """Have a bundle that lies here tried, switched to and watched by the agent.

    One that was refused before is taken again; that is for a person to decide.

    Args:
        beginning: of its digest.

    Raises:
        RefusedVerbError: there is none, there are several, or it is older than what ran here.
        DamagedRecordError, OSError: of the store.
    """
    record = store.read()
    held = _found(store, record, beginning)
    change = record.change
    if change is not None and change.held == held and change.state in UNDER_WAY | {"active"}:
        return held
    if record.on_probation is not None:
        raise RefusedVerbError(
            "another model is on probation: first `sfumato model commit`, or `rollback`"
        )
    if held != record.previous and (reason := rollout.below_floor(record, held)) is not None:
        raise RefusedVerbError(f"{reason}; to run it all the same, name its file in model.bundle")
    store.change(lambda now: rollout.by_hand(now, held))
    return held


def commit(store: Store) -> Held:
    """What is on probation has proved itself.

    Raises:
        RefusedVerbError: nothing is.
        DamagedRecordError, OSError: of the store.
    """
    change = store.change(rollout.committed).change
    if change is None:
        raise RefusedVerbError("no model was ever changed here")
    if change.state != "committed":
        raise RefusedVerbError(f"{_said(change)}, so there is nothing to commit")
    return change.held


def rollback(store: Store, beginning: str = "") -> Held | None:
    """Have run what ran before; what does not run yet never will.

    Args:
        beginning: of the digest of what is to go; nothing is done where that is not what runs, or
            is about to.

    Returns:
        what runs from now on; None: the configuration's own bundle.

    Raises:
        RefusedVerbError: nothing ran before.
        DamagedRecordError, OSError: of the store.
    """

    def goes(record: Record) -> bool:
        change = record.change
        is_next = change is not None and change.state in UNDER_WAY
        held = change.held if change is not None and is_next else record.active
        return held is not None and held.digest.startswith(beginning)

    before = store.read()
    record = store.change(lambda now: rollout.undone(now) if goes(now) else now)
    change = record.change
    was_undone = change is not None and change.state in {"failed", "rolled_back", "superseded"}
    if record == before and not was_undone and (goes(record) or not beginning):
        raise RefusedVerbError("there is no previous model")
    return record.active


def wait_for(store: Store, held: Held, limit_s: float) -> bool:
    """Wait until a change has come to its end; False: it has not, in that time.

    Raises:
        RefusedVerbError: it did not end well.
        DamagedRecordError: of the store.
    """
    end_s = time.monotonic() + limit_s
    while True:
        change = store.read().change
        if change is None or change.held != held:
            raise RefusedVerbError("something else has taken its place")
        if change.state == "committed":
            return True
        if change.state not in UNDER_WAY | {"active"}:
            raise RefusedVerbError(_said(change))
        if time.monotonic() > end_s:
            return False
        time.sleep(LOOK_S / 2)


def listed(record: Record) -> list[Listed]:
    """All bundles that count, the active one first."""
    rows = [_row("active", record.active or "configured", record)]
    if record.previous is not None:
        rows.append(_row("previous", record.previous, record))
    if record.candidate is not None:
        rows.append(_row("candidate", record.candidate, record))
    return rows


def _row(role: str, held: Held | str, record: Record) -> Listed:
    if isinstance(held, Held):
        return Listed(role, held.name, held.version, held.digest)
    return Listed(role, None, None, record.configured)


def _found(store: Store, record: Record, beginning: str) -> Held:
    known = (record.active, record.previous, record.candidate, record.staged)
    there = {
        each.digest: each
        for each in known
        if isinstance(each, Held) and store.bundle(each.digest).is_file()
    }
    found = [held for digest, held in there.items() if digest.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    said = "several bundles begin so" if found else "no such bundle lies here"
    raise RefusedVerbError(f"{beginning}: {said}; see `sfumato model list`")


def _said(change: Change) -> str:
    reason = f": {change.reason}" if change.reason else ""
    state = change.state.replace("_", " ")
    return f"{change.held.name} version {change.held.version} is {state}{reason}"
