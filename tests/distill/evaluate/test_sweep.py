"""Sweeps: thresholds that are proposed, and the picture of them."""

import json

import pytest
from evaluating import oracle, seen, truth, world

from distill.data.images import read_rgb, size_of
from distill.errors import OutputError
from distill.evaluate import evaluate
from distill.evaluate.leak import STEPS, Leak
from distill.evaluate.report import proposals
from distill.evaluate.sweep import LEAK_WEIGHT, propose, sweep
from distill.evaluate.sweep_plot import draw_sweep

CUP, CAN = (0, 10, 10, 50, 50), (1, 60, 20, 100, 60)
CORNER = (0, 100, 70, 128, 96)


@pytest.fixture
def judge(tmp_path):
    def judge(images, predictions, **settings):
        return evaluate(oracle(predictions), world(tmp_path, images), **settings).leaks

    return judge


def proposed(leaks):
    return sweep(("cup", "can"), leaks).thresholds


def curve(*rows, pixels=1000):
    """Thresholds with the pixels that show, and those hidden in vain."""
    return [(at, Leak(shown, pixels, 0, 1, over, 10**6)) for at, shown, over in rows]


def test_ten_pixels_hidden_in_vain_are_worth_one_that_shows():
    worth = 100 * LEAK_WEIGHT
    assert propose(curve((0.1, 0, worth - 20), (0.5, 100, 0))) == 0.1
    assert propose(curve((0.1, 0, worth + 20), (0.5, 100, 0))) == 0.5


def test_of_thresholds_that_cost_the_same_the_middle_is_taken():
    plateau = [(at / 10, 0, 0) for at in range(3, 8)]
    assert propose(curve((0.1, 0, 500), (0.2, 0, 500), *plateau, (0.8, 90, 0))) == 0.5
    # Of two in the middle the lower: it hides more.
    assert propose(curve((0.1, 0, 500), *plateau[:4], (0.8, 90, 0))) == 0.4


def test_a_plateau_ends_where_something_else_is_cheapest():
    """0.1 is as cheap as 0.5, but what lies between is not."""
    rows = [(0.1, 50, 0), (0.2, 50, 100), (0.5, 50, 0), (0.6, 50, 0), (0.7, 50, 0), (0.8, 60, 0)]
    assert propose(curve(*rows)) == 0.1
    assert propose(curve(*rows[1:])) == 0.6


def test_nothing_is_proposed_of_what_was_never_there_or_never_found():
    assert propose(curve((0.1, 0, 500), (0.5, 0, 0), pixels=0)) is None
    assert propose(curve((0.1, 1000, 500), (0.5, 1000, 0))) is None


def test_never_to_hide_is_no_proposal_however_many_phantoms_there_are():
    nothing = [(at / 10, 1000, 0) for at in range(5, 10)]
    assert propose(curve((0.1, 0, 20000), (0.3, 200, 9000), *nothing)) == 0.3


def test_the_proposal_lies_between_objects_and_phantoms(judge):
    images = [[truth(CUP), truth(CAN)], []]
    predictions = [seen([(CUP, 0.5), (CAN, 0.9)]), seen([(CORNER, 0.2), ((1, *CORNER[1:]), 0.2)])]
    found = proposed(judge(images, predictions))
    assert found == {"cup": 0.35, "can": 0.55}


def test_a_doubtful_object_is_hidden_at_the_price_of_a_few_phantoms(judge):
    images = [[truth(CUP)], [truth(CUP)], []]
    predictions = [seen([(CUP, 0.9)]), seen([(CUP, 0.1)]), seen([(CORNER, 0.3)])]
    found = proposed(judge(images, predictions))
    assert 0.01 <= found["cup"] <= 0.1
    # As many phantoms as outweigh ten of it.
    phantoms = [(0, 64, 0, 128, 96), *(3 * [(0, 0, 0, 128, 96)])]
    crowded = [seen([(square, 0.3)]) for square in phantoms]
    found = proposed(judge([*images[:2], [], [], [], []], [*predictions[:2], *crowded]))
    assert found["cup"] > 0.3


def test_a_class_that_the_data_say_nothing_about_has_no_proposal(judge):
    leaks = judge([[truth(CUP), truth(CAN)]], [seen([(CUP, 0.5)])])
    found = sweep(("cup", "can"), leaks)
    assert list(found.thresholds) == ["cup"]
    assert proposals(found, leaks).splitlines()[-1].split()[1:4] == ["none", "of", "it"]
    without = judge([[truth(CUP)]], [seen([(CUP, 0.5)])])
    assert "can" not in proposals(sweep(("cup", "can"), without), without)


def test_the_json_holds_proposals_and_curves(judge):
    leaks = judge([[truth(CUP)]], [seen([(CUP, 0.5)])], conf=0.33)
    figures = json.loads(json.dumps(sweep(("cup", "can"), leaks).to_json(), allow_nan=False))
    assert figures["thresholds"] == {"cup": 0.25}
    rows = figures["classes"]["cup"]
    assert [row["threshold"] for row in rows] == sorted({*STEPS, 0.33})
    assert rows[0] == {
        "threshold": 0.01, "pixel_leak": 0.0, "instance_leak": 0.0, "over_redaction": 0.0,
    }  # fmt: skip
    assert rows[-1]["pixel_leak"] == 1
    assert figures["classes"]["can"][0]["pixel_leak"] is None


def test_the_table_says_what_changes(judge):
    leaks = judge([[truth(CUP)], []], [seen([(CUP, 0.2)]), seen([(CORNER, 0.05)])])
    line = proposals(sweep(("cup", "can"), leaks), leaks).splitlines()[1]
    assert line.split() == [
        *("cup", "0.25", "->", "0.125"),
        *("100.00", "->", "0.00"),
        *("0.00", "->", "0.00"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("predictions", [[seen([(CUP, 0.9), (CAN, 0.4)])], [seen([])]])
def test_a_sweep_is_drawn_of_much_and_of_nothing(judge, tmp_path, predictions):
    leaks = judge([[truth(CUP), truth(CAN)]], predictions)
    draw_sweep(tmp_path / "sweep.png", sweep(("cup", "can"), leaks), leaks)
    assert size_of(tmp_path / "sweep.png") == (1650, 735)


@pytest.mark.slow
def test_each_class_has_its_colour(judge, tmp_path):
    predictions = [seen([(CUP, 0.9), ((0, 0, 0, 60, 90), 0.3), (CAN, 0.4)])]
    leaks = judge([[truth(CUP), truth(CAN)]], predictions)
    draw_sweep(tmp_path / "sweep.png", sweep(("cup", "can"), leaks), leaks)
    drawn = {tuple(pixel) for pixel in read_rgb(tmp_path / "sweep.png").reshape(-1, 3).tolist()}
    assert {(0x1F, 0x6F, 0xB4), (0xD9, 0x54, 0x2B)} <= drawn


@pytest.mark.slow
def test_a_sweep_without_anything_to_hide(judge, tmp_path):
    leaks = judge([[]], [seen([(CUP, 0.9)])])
    draw_sweep(tmp_path / "sweep.png", sweep(("cup", "can"), leaks), leaks)
    assert (tmp_path / "sweep.png").is_file()
    with pytest.raises(OutputError, match="can't be written"):
        draw_sweep(tmp_path / "none" / "sweep.png", sweep(("cup", "can"), leaks), leaks)
