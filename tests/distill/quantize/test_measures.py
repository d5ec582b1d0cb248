"""Figures from what a judge counted, against what can be worked out by hand."""

import pytest

from distill.quantize.answers import Agreement
from distill.quantize.judge import Seen
from distill.quantize.measures import figures


def agreement(reference, seen, both, shift=0.0, overlap=0.0, paired=0):
    return Agreement(reference, seen, both, shift, abs(shift), overlap, paired)


@pytest.fixture
def seen():
    """Three frames and six pictures that were timed, of which three warm up."""
    alike = [agreement(2, 2, 2), agreement(0, 0, 0), agreement(3, 3, 3)]
    other = [
        agreement(2, 1, 1, shift=-0.2, overlap=1.8, paired=2),
        agreement(0, 1, 0),
        agreement(3, 3, 2, shift=0.1, overlap=2.4, paired=3),
    ]
    times = [90.0, 80.0, 70.0, 10.0, 12.0, 14.0]
    return {
        "fp32": Seen(agreement=alike, milliseconds=times),
        "uint8": Seen(agreement=other, milliseconds=[time / 2 for time in times]),
        "int8": Seen(refused="it is broken"),
    }


def test_sums_over_all_answers(seen):
    found = figures(seen, 0.25)
    assert found.keys() == {"fp32", "uint8"}
    ours = found["uint8"]
    assert ours["agreement"].value == pytest.approx(2 * 3 / 10)
    assert ours["score_shift"].value == pytest.approx(-0.1 / 5)
    assert ours["mask_iou"].value == pytest.approx(4.2 / 5)
    assert found["fp32"].keys() == {"milliseconds"}
    for name in ("agreement", "score_shift", "mask_iou"):
        assert ours[name].low <= ours[name].value <= ours[name].high
        assert ours[name].change is None


def test_time_is_that_of_warm_networks_and_compared_in_pairs(seen):
    found = figures(seen, 0.25)
    assert found["fp32"]["milliseconds"].value == 12
    ours = found["uint8"]["milliseconds"]
    assert (ours.value, ours.change) == (6, -6)
    assert -7 <= ours.change_low <= -6 <= ours.change_high <= -5


def test_the_same_counts_give_the_same_intervals(seen):
    assert figures(seen, 0.25) == figures(seen, 0.25)


def test_nothing_seen_is_no_figure(seen):
    blind = [agreement(2, 0, 0), agreement(0, 0, 0), agreement(3, 0, 0)]
    both = {**seen, "uint8": Seen(agreement=blind, milliseconds=seen["fp32"].milliseconds)}
    ours = figures(both, 0.25)["uint8"]
    assert ours["agreement"].value == 0
    assert ours["score_shift"].value is ours["mask_iou"].value is None
    assert ours["mask_iou"].low is ours["mask_iou"].high is None
