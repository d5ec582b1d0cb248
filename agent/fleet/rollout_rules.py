"""Rules of a roll-out: out of what devices report, what is to be done next. Nothing is done here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.control.messages import ModelReported
    from agent.fleet.rollout_plan import RolloutPlan

State = Literal["open", "succeeded", "failed", "timed_out"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a device has got.

    Attributes:
        said: the state that it reports, where it is open; why it failed, where it did.
    """

    state: State
    said: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done: wait, go to the next stage, or end, for now or for good."""

    kind: Literal["wait", "next", "paused", "done", "aborted", "timed_out"]
    reason: str = ""


def outcome_of(
    reported: ModelReported | None, plan: RolloutPlan, first_rev: int, *, is_late: bool
) -> Outcome:
    """How far a device has got that was told.

    Whoever runs the bundle, out of probation, has succeeded, whoever told it. Failed has only who
    was told by this roll-out: a failure of an earlier one still stands at the broker.

    Args:
        reported: None: nothing yet.
        first_rev: of the roll-out's first stage.
        is_late: whether it was told too long ago.
    """
    said = "silent"
    if reported is not None:
        is_told = (
            reported.digest == plan.digest
            and reported.group == plan.group
            and reported.rev >= first_rev
        )
        runs = reported.active.bundle if reported.active else None
        if reported.state == "committed" and reported.digest == plan.digest:
            runs = plan.digest
        if runs == plan.digest and reported.state in ("committed", "idle"):
            return Outcome("succeeded")
        if is_told and reported.state in ("failed", "rolled_back"):
            return Outcome("failed", f"{reported.state}: {reported.reason}".rstrip(": "))
        if is_told:
            said = reported.state
    return Outcome("timed_out" if is_late else "open", said)


def tally(outcomes: Iterable[Outcome]) -> Counter[State]:
    """How many there are of each."""
    return Counter(outcome.state for outcome in outcomes)


def judge(plan: RolloutPlan, stage: int, outcomes: Mapping[str, Outcome]) -> Verdict:
    """What is to be done in a stage.

    It is aborted as soon as `abort_failed` % of the outcomes that are known, `least` of them, are
    failures; and when all are known and less than `success` % of the devices run the bundle. It
    timed out, and wasn't aborted, where that is so only for devices that said nothing.

    Args:
        outcomes: of all devices that were told so far, of earlier stages, too.
    """
    found, told = tally(outcomes.values()), len(outcomes)
    known = told - found["open"]
    failed, late = found["failed"], found["timed_out"]
    share = 100 * failed / max(1, known)
    if failed and known >= plan.least and share >= plan.abort_failed:
        return Verdict("aborted", f"{failed} of {known} devices failed")
    if known < told:
        return Verdict("wait")
    if 100 * found["succeeded"] < plan.success * told:
        if 100 * (found["succeeded"] + late) < plan.success * told:
            return Verdict("aborted", f"{failed} of {told} devices failed")
        return Verdict("timed_out", f"{late} of {told} devices gave no answer in time")
    if stage == len(plan.stages) - 1:
        return Verdict("done")
    if plan.stages[stage] in plan.pause_after:
        return Verdict("paused", f"as asked for after {plan.stages[stage]:g} %")
    return Verdict("next")
