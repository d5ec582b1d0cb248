"""A model on probation is compared with the one before it, on the same cameras."""

from dataclasses import replace

import pytest

from agent.update.ports import Health
from agent.update.probation import GOOD, WAIT, judge

PROBATION_S = 600.0


def after(seconds, *, objects=1.0, whole=0, hung=0, took_s=0.02, unseen_s=0.0):
    """Of a model that ran for so long: 25 frames a second, a fifth of which were looked at."""
    frames = round(25 * seconds)
    looked = frames // 5
    return Health(
        ran_s=seconds,
        frames=frames,
        whole=whole,
        detections=looked,
        objects=round(objects * frames),
        detect_s=took_s * looked,
        hung=hung,
        unseen_s=unseen_s,
    )


BEFORE = after(1200)
NO_MODEL = replace(after(1200, objects=0), whole=30_000, detections=6000)
FRESH = after(4)


@pytest.mark.parametrize("before", [BEFORE, NO_MODEL, FRESH, after(0)])
def test_one_that_does_what_the_other_did_is_good_once_its_time_is_over(before):
    for seconds in (0, 0.2, 1, 10, 299, 301, 599.9):
        assert judge(before, after(seconds), PROBATION_S) == WAIT
    assert judge(before, after(600), PROBATION_S) == GOOD
    assert judge(before, after(5000), PROBATION_S) == GOOD


def test_cameras_that_show_nothing_are_no_reason_to_go_back():
    dark = replace(after(0), ran_s=600)
    assert judge(BEFORE, replace(dark, ran_s=10), PROBATION_S) == WAIT
    assert judge(BEFORE, dark, PROBATION_S) == GOOD


BAD = {
    "hangs": (after(41, hung=2), "it hung 2 times"),
    "fails from the first frame on": (after(1.2, whole=30), "30 of 30 frames"),
    "fails after five minutes": (after(300, whole=13), "13 of 7500 frames"),
    "sees nothing": (after(11, objects=0), "hid 0 objects in 275 frames"),
    "sees next to nothing": (after(60, objects=0.01), "hid 15 objects in 1500 frames"),
    "sees everything": (after(20.2, objects=30), "hides 30 objects in a frame, the model before 1"),
    "takes twice as long": (after(301, took_s=0.04), "takes 40.0 ms, of the model before 20.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_that_is_worse_goes_back(case):
    now, said = BAD[case]
    assert said in judge(BEFORE, now, PROBATION_S)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (BEFORE, after(41, hung=1)),
        (replace(BEFORE, hung=2), after(41, hung=2)),
        (BEFORE, after(0.3, whole=7)),
        (BEFORE, after(300, whole=12)),
        (replace(BEFORE, whole=300), after(300, whole=150)),
        (BEFORE, after(9, objects=0)),
        (replace(BEFORE, unseen_s=31.0), after(60, objects=0)),
        (replace(BEFORE, ran_s=599.0), after(60, objects=0)),
        (replace(BEFORE, objects=100), after(60, objects=0)),
        (replace(BEFORE, objects=0), after(300, objects=0)),
        (BEFORE, after(60, objects=0.05)),
        (BEFORE, after(60, objects=9)),
        (after(1200, objects=3), after(60, objects=29)),
        (BEFORE, after(299, took_s=0.04)),
        (BEFORE, after(301, took_s=0.039)),
        (after(1200, took_s=0.0002), after(301, took_s=0.001)),
    ],
)
def test_what_may_be_chance_is_waited_for(before, now):
    assert judge(before, now, PROBATION_S) == WAIT


@pytest.mark.parametrize("before", [NO_MODEL, FRESH])
@pytest.mark.parametrize("case", ["hangs", "fails from the first frame on"])
def test_what_no_model_may_do_needs_nothing_to_compare_with(before, case):
    now, said = BAD[case]
    assert said in judge(before, now, PROBATION_S)


@pytest.mark.parametrize("before", [NO_MODEL, FRESH])
@pytest.mark.parametrize("case", ["sees nothing", "sees everything"])
def test_where_nothing_was_seen_before_nothing_is_compared(before, case):
    now, _ = BAD[case]
    assert judge(before, now, PROBATION_S) == WAIT
