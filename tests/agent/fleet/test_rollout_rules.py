"""What follows from what devices report: a table for each rule, and a simulation of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollouts import NEW, plan

from agent.control.messages import ModelInfo, ModelReported
from agent.fleet.rollout_rules import Outcome, judge, outcome_of

OLD = "0" * 64
ENDS = ("succeeded", "failed", "timed_out")


def reported(state, *, digest=NEW, group="cameras", rev=7, runs=OLD, reason=""):
    active = ModelInfo(
        name="person", version=4, digest="0", precision="fp32", runtime="none", bundle=runs
    )
    return ModelReported(
        rev=rev, group=group, digest=digest, state=state, progress=0, reason=reason, active=active,
        previous=None, refused=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (None, Outcome("open", "silent")),
        (reported("idle", digest=None, group=None, rev=0), Outcome("open", "silent")),
        (reported("fetching"), Outcome("open", "fetching")),
        (reported("active", runs=NEW), Outcome("open", "active")),
        (reported("committed", runs=NEW), Outcome("succeeded")),
        (reported("committed", runs=None), Outcome("succeeded")),
        (reported("failed", reason="no room"), Outcome("failed", "failed: no room")),
        (reported("rolled_back"), Outcome("failed", "rolled_back")),
        # It runs it already, whoever told it to, and through another roll-out's number:
        (reported("committed", runs=NEW, group=None, rev=2), Outcome("succeeded")),
        (reported("idle", digest=None, group=None, rev=0, runs=NEW), Outcome("succeeded")),
        # It failed, but not in this roll-out:
        (reported("failed", rev=6), Outcome("open", "silent")),
        (reported("failed", group="others"), Outcome("open", "silent")),
        (reported("failed", digest="2" * 64), Outcome("open", "silent")),
        # It committed something else:
        (reported("committed", digest="2" * 64), Outcome("open", "silent")),
    ],
)
def test_how_far_a_device_is(report, outcome):
    assert outcome_of(report, plan(), 7, is_late=False) == outcome
    late = Outcome("timed_out", outcome.said) if outcome.state == "open" else outcome
    assert outcome_of(report, plan(), 7, is_late=True) == late


def outcomes(text):
    """`s`ucceeded, `f`ailed, `t`imed out, `o`pen."""
    states = {state[0]: state for state in (*ENDS, "open")}
    return {str(i): Outcome(states[letter]) for i, letter in enumerate(text)}


@pytest.mark.parametrize(
    ("stage", "text", "kind"),
    [
        (0, "sssss", "next"),
        (1, "sssss", "paused"),
        (3, "sssss", "done"),
        (0, "sssso", "wait"),
        # Failures: of all that is known, and not before three outcomes are.
        (0, "foooo", "wait"),
        (0, "fsooo", "wait"),
        (0, "fssoo", "aborted"),
        (0, "ftt" + "o" * 9, "aborted"),
        (2, "f" + "s" * 19, "aborted"),
        (2, "f" + "s" * 20, "next"),
        (2, "f" + "s" * 20 + "o", "wait"),
        # All are over, and too few run it: also where there were not even three.
        (0, "f", "aborted"),
        (0, "sf", "aborted"),
        # It is silence that there is too much of.
        (0, "t", "timed_out"),
        (2, "t" + "s" * 18, "timed_out"),
        (2, "t" + "s" * 19, "next"),
        (3, "t" + "s" * 19, "done"),
        (3, "tf" + "s" * 20, "timed_out"),
    ],
)
def test_what_is_to_be_done(stage, text, kind):
    assert judge(plan(pause_after=(5,)), stage, outcomes(text)).kind == kind


def test_a_verdict_says_why():
    assert judge(plan(), 0, outcomes("ffs")).reason == "2 of 3 devices failed"
    assert judge(plan(), 0, outcomes("ts")).reason == "1 of 2 devices gave no answer in time"


@given(st.text(alphabet="sfto", min_size=1, max_size=60), st.integers(0, 3))
def test_a_stage_whose_outcomes_are_known_is_never_waited_for(text, stage):
    verdict = judge(plan(), stage, outcomes(text))
    if "o" not in text:
        assert verdict.kind != "wait"
        good = 100 * text.count("s") >= 95 * len(text)
        failing = 100 * text.count("f") >= 5 * len(text) > 0 and len(text) >= 3
        assert (verdict.kind in ("next", "done")) == (good and not (failing and "f" in text))
    else:
        assert verdict.kind in ("wait", "aborted")


@pytest.mark.parametrize(
    "fields",
    [
        {"stages": ()},
        {"stages": (5, 1)},
        {"stages": (5, 5)},
        {"stages": (0, 100)},
        {"stages": (1, 101)},
        {"pause_after": (3,)},
        {"least": 0},
        {"success": 0},
        {"timeout_s": 0},
        {"window": "2-4"},
        {"group": "A b"},
    ],
)
def test_a_plan_that_makes_no_sense_is_none(fields):
    with pytest.raises(ValueError):  # noqa: PT011 pydantic's
        plan(**fields)


@pytest.mark.parametrize(
    ("devices", "wanted"),
    [(500, (5, 25, 125, 500)), (20, (1, 1, 5, 20)), (1, (1, 1, 1, 1)), (101, (2, 6, 26, 101))],
)
def test_a_stage_is_for_a_number_rounded_up(devices, wanted):
    assert plan().wanted(devices) == wanted
