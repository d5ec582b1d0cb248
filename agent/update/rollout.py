"""Roll-out: the rules by which a device changes its model. They do nothing, and know no clock.

Each takes a record and gives the one that is true from then on. A change goes

    fetching → staged → testing → active (on probation) → committed

and ends there, as `failed` before it ran, as `rolled_back` after, or `superseded` by something
newer, which waits for the end of what is on probation. Each end is one for its rev: what is wanted
still needs a newer one. A rule for a change that is no longer at that state changes nothing, so
that a person at the device and the agent can both have a hand in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.update.record import UNDER_WAY, Change, Desire, Held, Record

if TYPE_CHECKING:
    from collections.abc import Collection

    from agent.update.deadline import Deadline
    from agent.update.ports import Health
    from agent.update.record import State
    from agent.update.wanted import Wanted
    from models.offer import Offer

MOST_STARTS = 2
"""Of an agent with a model on probation; one more, and it runs by the one before. A model that
kills it may not say so in any other way. Chosen, not measured: one start may be a power cut."""
MOST_REFUSED = 256
"""Digests that are remembered; of more, the oldest are forgotten. Chosen, not measured."""


def is_news(record: Record, wanted: Wanted) -> bool:
    """Whether this was not heard before; revs of each group, and of the device, count apart."""
    known = record.desires.get(wanted.group or "")
    return known is None or wanted.rev > known.wanted.rev


def heard(record: Record, wanted: Wanted) -> Record:
    """Something is wanted."""
    if not is_news(record, wanted):
        return record
    desires = record.desires | {wanted.group or "": Desire(wanted=wanted)}
    return aimed(_with(record, desires=desires))


def forgotten(record: Record, group: str | None) -> Record:
    """A group, or for the device itself nobody (None), wants anything any more.

    What runs, runs on; what is not switched to yet never will be. Revs of it count anew.
    """
    if (group or "") not in record.desires:
        return record
    rest = {name: desire for name, desire in record.desires.items() if name != (group or "")}
    return aimed(_with(record, desires=rest))


def belongs(record: Record, groups: Collection[str]) -> Record:
    """The device belongs to these groups; what others want is forgotten."""
    for name in record.desires:
        if name and name not in groups:
            record = forgotten(record, name)
    return record


def aim(record: Record) -> Desire | None:
    """Which desire counts: the device's own, else of its groups' the highest version."""
    if (own := record.desires.get("")) is not None:
        return own
    desires = record.desires.values()
    return min(
        desires,
        key=lambda each: (-each.wanted.version, each.wanted.name, each.wanted.group),
        default=None,
    )


def aimed(record: Record) -> Record:
    """Begin what is wanted, unless that was begun; and nothing while a model is on probation."""
    change, desire = record.change, aim(record)
    if change is not None and change.state == "active":
        return record
    if desire is None or desire.done:
        is_orphan = (
            change is not None
            and change.state in UNDER_WAY
            and change.rev > 0
            and (desire is None or not _is_for(change, desire))
        )
        return _ended(record, "superseded", "it is not wanted any more") if is_orphan else record
    if change is not None and change.state in UNDER_WAY and _is_for(change, desire):
        return record
    wanted = desire.wanted
    held = Held(digest=wanted.digest, name=wanted.name, version=wanted.version)
    begun = Change(
        held=held, state="fetching", rev=wanted.rev, group=wanted.group, window=wanted.window
    )
    record = _with(record, change=begun)
    if held.digest == record.runs:
        return _ended(record, "committed", "")
    if (reason := why_not(record, held)) is not None:
        return _ended(record, "failed", reason)
    return record


def why_not(record: Record, held: Held) -> str | None:
    """Why a bundle can't become what runs; None: it may be tried."""
    if (reason := record.refused.get(held.digest)) is not None:
        return f"it is never run again: {reason}"
    return below_floor(record, held)


def below_floor(record: Record, held: Held) -> str | None:
    """What to say of a bundle that is older than one that proved itself here; None: it is not."""
    floor = record.floor.get(held.name, 0)
    if held.version >= floor:
        return None
    return f"version {held.version} is below {floor}, which has run here"


def unlike(offer: Offer, held: Held) -> str | None:
    """Why what a repository offers is not what is wanted; None: it is."""
    offered = offer.custom
    if (offered.digest, offered.name, offered.version) == (held.digest, held.name, held.version):
        return None
    return f"the repository offers it as {offered.name} version {offered.version}"


def staged(record: Record, held: Held) -> Record:
    """A person at the device puts a bundle into its slot; nothing runs it yet."""
    return _with(record, staged=held)


def by_hand(record: Record, held: Held) -> Record:
    """A person at the device has put a bundle into its slot, and wants it to run.

    It may be one that was refused: a person takes that on.
    """
    if record.change is not None and record.change.state in UNDER_WAY:
        record = _ended(record, "superseded", "a person at the device chose another one")
    desire = aim(record)
    if desire is not None and not desire.done:
        record = _done(record, desire.wanted.group, desire.wanted.rev)
    refused = {digest: reason for digest, reason in record.refused.items() if digest != held.digest}
    change = Change(held=held, state="committed" if held.digest == record.runs else "staged")
    return _with(record, refused=refused, staged=None, change=change)


def advanced(record: Record, change: Change, state: State) -> Record:
    """A change has come to its next state."""
    if not change.is_same(record.change):
        return record
    return _with(record, change=change.model_copy(update={"state": state, "reason": ""}))


def activated(record: Record, change: Change, deadline: Deadline, before: Health) -> Record:
    """A change is to run from now on, on probation."""
    if not change.is_same(record.change):
        return record
    update = {"state": "active", "reason": "", "deadline": deadline, "before": before, "starts": 0}
    previous = "configured" if record.active is None else record.active
    return _with(
        record,
        active=change.held,
        previous=record.previous if record.active == change.held else previous,
        unfit=None,
        change=change.model_copy(update=update),
    )


def committed(record: Record) -> Record:
    """What is on probation has proved itself."""
    change = record.change
    if change is None or change.state != "active":
        return record
    held = change.held
    floor = record.floor | {held.name: max(held.version, record.floor.get(held.name, 0))}
    return aimed(_ended(_with(record, floor=floor), "committed", ""))


def failed(record: Record, change: Change, reason: str, *, refuse: bool) -> Record:
    """A change can't come to run; `refuse`: nor ever will."""
    if not change.is_same(record.change):
        return record
    if refuse:
        record = _refused(record, change.held.digest, reason)
    return aimed(_ended(record, "failed", reason))


def aborted(record: Record, reason: str) -> Record:
    """A change that is under way shall not come to run."""
    change = record.change
    if change is None or change.state not in UNDER_WAY:
        return record
    return _ended(record, "failed", reason)


def rolled_back(record: Record, reason: str, *, refuse: bool = True) -> Record:
    """What runs gives its place back to what ran before; `refuse`: and never gets it again."""
    active = record.active
    if active is None or record.previous is None:
        return record
    previous = None if record.previous == "configured" else record.previous
    if refuse:
        record = _refused(record, active.digest, reason)
    change = record.change
    if change is None or change.held != active:
        change = Change(held=active, state="active")
    record = _with(record, active=previous, previous=None, change=change)
    return aimed(_ended(record, "rolled_back", reason))


def undone(record: Record) -> Record:
    """Somebody wants back what ran before; what does not run yet never will."""
    change = record.change
    if change is not None and change.state in UNDER_WAY:
        return aborted(record, "it was aborted by request")
    return rolled_back(record, "it was rolled back by request") if has_previous(record) else record


def has_previous(record: Record) -> bool:
    """Whether there is something to roll back to, other than nothing at all."""
    return isinstance(record.previous, Held) or (
        record.previous == "configured" and record.configured is not None
    )


def started(record: Record, configured: str | None) -> Record:
    """The agent starts.

    Args:
        configured: digest of the configuration's bundle; None where it names none, or there is
            nothing to be read. A person who names another one is obeyed.
    """
    record = _with(record, unfit=None)
    if record.active is None:
        return _with(record, configured=configured)
    if configured is not None and configured != record.configured:
        return _given_way(record, configured)
    change = record.change
    if change is None or change.state != "active":
        return record
    if change.starts >= MOST_STARTS:
        return rolled_back(record, f"the agent ended {change.starts + 1} times while it ran")
    more = change.model_copy(update={"starts": change.starts + 1})
    return _with(record, change=more)


def not_started(record: Record, digest: str, reason: str) -> Record:
    """A bundle can't be loaded at a start.

    What is on probation has failed. What proved itself may do so again: a GPU may have been away,
    and a file that is damaged comes anew once somebody wants it.
    """
    if record.on_probation == digest:
        return rolled_back(record, reason)
    is_active = record.active is not None and record.active.digest == digest
    return _with(record, unfit=digest) if is_active else record


def _given_way(record: Record, configured: str) -> Record:
    if record.change is not None and record.change.state == "active":
        record = _ended(record, "superseded", "the configuration names another bundle")
    return aimed(_with(record, active=None, previous=None, configured=configured))


def _ended(record: Record, state: State, reason: str) -> Record:
    change = record.change
    if change is None:
        return record
    over = Change(held=change.held, state=state, rev=change.rev, group=change.group, reason=reason)
    return _with(_done(record, change.group, change.rev), change=over)


def _done(record: Record, group: str | None, rev: int) -> Record:
    """Nothing more is done for a desire."""
    desire = record.desires.get(group or "")
    if desire is None or desire.wanted.rev != rev:
        return record
    over = {group or "": desire.model_copy(update={"done": True})}
    return _with(record, desires=record.desires | over)


def _refused(record: Record, digest: str, reason: str) -> Record:
    all_of_them = [*record.refused.items(), (digest, reason)]
    return _with(record, refused=dict(all_of_them[-MOST_REFUSED:]))


def _is_for(change: Change, desire: Desire) -> bool:
    return (change.rev, change.group) == (desire.wanted.rev, desire.wanted.group)


def _with(record: Record, **update: object) -> Record:
    return record.model_copy(update=update)
