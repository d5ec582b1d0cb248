"""Evaluation of hand-made predictions, whose figures are known."""

import json
import math
import re

import numpy as np
import pytest
from evaluating import oracle, seen, truth, world

from distill.errors import InputError
from distill.evaluate import evaluate, metrics
from distill.evaluate.matching import match, mistakes
from distill.evaluate.working_point import Scores

CUP, CAN = (0, 10, 10, 50, 50), (1, 60, 20, 100, 60)
MOVED = (0, 14, 10, 54, 50)
"""A cup 4 of 40 pixels to the side: IoU 36/44 = 0.818, found at 7 of COCO's 10 thresholds."""


@pytest.fixture
def judge(tmp_path):
    """Evaluates a network's predictions to images of known objects."""

    def judge(images, predictions, **settings):
        return evaluate(oracle(predictions), world(tmp_path, images), **settings)

    return judge


def test_a_perfect_network_has_one_everywhere(judge):
    found = judge(
        [[truth(CUP), truth(CAN)], [truth(CUP)], []],
        [seen([(CUP, 0.9), (CAN, 0.8)]), seen([(CUP, 0.7)]), seen([])],
    )
    for quality in (found.box, found.mask):
        assert (quality.ap, quality.ap50, quality.ap75, quality.medium) == (1, 1, 1, 1)
        assert quality.class_ap == (1, 1)
        assert math.isnan(quality.small)
        assert math.isnan(quality.large)
    assert found.objects == (2, 1)
    assert found.images == 3
    assert (found.working.precision, found.working.recall, found.working.f1) == (1, 1, 1)
    assert found.results == ()


def test_a_mask_that_is_shifted_counts_at_the_thresholds_that_it_reaches(judge):
    found = judge([[truth(CUP)]], [seen([(MOVED, 0.9)])])
    assert found.mask.class_ap[0] == pytest.approx(0.7)
    assert (found.mask.ap50, found.mask.ap75) == (1, 1)
    assert found.box.ap == pytest.approx(0.7)


def test_half_of_what_is_there_is_half_the_recall(judge):
    found = judge([[truth(CUP)], [truth(CUP)]], [seen([(CUP, 0.9)]), seen([])])
    # COCO reads precision at 101 recalls: 0 to 0.5 are reached, 51 of them.
    assert found.mask.ap == pytest.approx(51 / 101)
    assert (found.working.right, found.working.wrong, found.working.missed) == (1, 0, 1)
    assert found.working.f1 == pytest.approx(2 / 3)


def test_a_phantom_that_is_surer_than_the_truth_halves_the_precision(judge):
    phantom = (0, 90, 60, 120, 90)
    found = judge([[truth(CUP)]], [seen([(phantom, 0.9), (CUP, 0.5)])])
    assert found.mask.ap == pytest.approx(0.5)
    found = judge([[truth(CUP)]], [seen([(phantom, 0.4), (CUP, 0.5)])])
    assert found.mask.ap == 1
    assert found.working.precision == 0.5


def test_regions_to_ignore_count_neither_way(judge):
    region = truth((0, 70, 0, 128, 96), ignore=True)
    inside = [((0, 75, 5, 90, 30), 0.95), ((0, 90, 40, 120, 70), 0.9)]
    found = judge([[truth(CUP), region]], [seen([*inside, (CUP, 0.5)])])
    assert (found.mask.ap, found.box.ap) == (1, 1)
    assert found.objects == (1, 0)
    assert (found.working.right, found.working.wrong, found.working.missed) == (1, 0, 0)
    assert found.results == ()
    # The same predictions without the region are phantoms.
    assert judge([[truth(CUP)]], [seen([*inside, (CUP, 0.5)])]).working.wrong == 2


def test_a_region_of_another_class_excuses_nothing(judge):
    region = truth((1, 70, 0, 128, 96), ignore=True)
    found = judge([[truth(CUP), region]], [seen([((0, 75, 5, 90, 30), 0.95), (CUP, 0.5)])])
    assert found.working.wrong == 1


def test_nothing_to_find_is_no_figure_rather_than_zero(judge):
    found = judge([[], []], [seen([]), seen([(CUP, 0.5)])])
    assert math.isnan(found.mask.ap)
    assert math.isnan(found.working.recall)
    assert (found.working.precision, found.best) == (0, None)
    assert found.to_json()["mask_map"] is None
    assert [mistake.fault for mistake in found.results[0].mistakes] == ["background"]


def test_a_network_that_sees_nothing_has_zero(judge):
    found = judge([[truth(CUP)], [truth(CAN)]], [seen([]), seen([])])
    assert (found.mask.ap, found.box.ap, found.mask.class_ap) == (0, 0, (0, 0))
    assert found.best is None
    assert found.working.recall == 0
    assert math.isnan(found.working.precision)


def test_boxes_alone_are_judged_as_boxes(judge):
    found = judge([[truth(CUP)]], [seen([(CUP, 0.9)], masks=False)])
    assert found.mask is None
    assert found.box.ap == 1
    assert found.working.right == 1
    assert found.to_json()["mask_map"] is None


def test_mask_and_box_are_judged_apart(judge):
    """The right box with half of the mask."""
    half = seen([((0, 10, 10, 50, 29), 0.9)])
    half.boxes[:] = [[10, 10, 50, 50]]
    found = judge([[truth(CUP)]], [half])
    assert (found.box.ap, found.mask.ap) == (1, 0)


def test_sizes_are_told_apart(judge):
    small, large = (0, 0, 0, 20, 20), (0, 20, 0, 128, 96)
    found = judge([[truth(small)], [truth(large)]], [seen([(small, 0.9)]), seen([])])
    assert (found.mask.small, found.mask.large) == (1, 0)
    assert math.isnan(found.mask.medium)


def test_the_best_confidence_is_the_one_with_the_highest_f1(judge):
    phantoms = [((0, 90, y, 100, y + 9), 0.3) for y in (0, 20, 40, 60)]
    found = judge([[truth(CUP), truth(CAN)]], [seen([(CUP, 0.9), (CAN, 0.6), *phantoms])])
    assert found.best.confidence == pytest.approx(0.6)
    assert found.best.f1 == 1
    assert found.working.precision == pytest.approx(2 / 6)
    assert found.by_class[1].precision == 1


def test_the_working_confidence_leaves_out_doubtful_predictions(judge):
    found = judge([[truth(CUP)]], [seen([(CUP, 0.3)])], conf=0.5)
    assert (found.working.right, found.working.missed) == (0, 1)
    assert found.mask.ap == 1
    assert [mistake.fault for mistake in found.results[0].mistakes] == ["missed"]


def test_batches_give_the_same_figures(judge):
    images, predictions = [[truth(CUP)]] * 5, [seen([(CUP, 0.9)])] * 4 + [seen([])]
    assert (
        judge(images, predictions, batch=2).to_json()
        == judge(images, predictions, batch=5).to_json()
    )


def test_progress_sees_every_image(judge):
    shown = []

    def progress(records):
        for record in records:
            shown.append(record.id)
            yield record

    judge([[], []], [seen([]), seen([])], progress=progress)
    assert shown == [1, 2]


def test_speed_is_measured_once_it_is_warm(judge):
    few, many = [[]] * 3, [[]] * 6
    assert math.isnan(judge(few, [seen([])] * 3).milliseconds)
    assert 0 < judge(many, [seen([])] * 6).milliseconds < 1000


def test_an_image_that_cant_be_read_is_left_out_and_said(tmp_path):
    dataset = world(tmp_path, [[truth(CUP)], [truth(CUP)]])
    (tmp_path / "0.png").write_text("no image")
    found = evaluate(oracle([seen([]), seen([(CUP, 0.9)])]), dataset)
    assert (found.images, found.mask.ap) == (1, 1)
    assert "0.png is no image" in found.problems[0]
    (tmp_path / "1.png").unlink()
    with pytest.raises(InputError, match="none of 2 images can be read"):
        evaluate(oracle([seen([])] * 2), dataset)


def test_the_json_holds_what_a_program_needs(judge):
    found = judge([[truth(CUP)]], [seen([(CUP, 0.9)])])
    figures = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert figures["classes"]["cup"]["mask_map"] == 1
    assert figures["classes"]["can"]["mask_map"] is None
    assert figures["confidence"] == 0.25
    assert figures["best_f1"] == 1


def test_every_name_in_the_json_is_explained_and_means_the_same_in_a_class_s_row(judge):
    figures = judge([[truth(CUP)]], [seen([(CUP, 0.9)])]).to_json()
    row = figures["classes"]["cup"]
    explained = set(re.findall(r"\w+", metrics.__doc__))
    assert {name.replace("box_", "mask_") for name in figures.keys() | row.keys()} <= explained
    assert row.keys() - figures.keys() == {"threshold"}
    assert {name: figures[name] for name in row.keys() & figures.keys()} == {
        name: value for name, value in row.items() if name != "threshold"
    }


def test_the_worst_image_comes_first(judge):
    found = judge(
        [[truth(CUP)], [truth(CUP), truth(CAN)], []], [seen([]), seen([]), seen([(CUP, 0.3)])]
    )
    assert [result.record.id for result in found.results] == [2, 1, 3]


def faults(truths, squares):
    predictions = evaluate_predictions(squares)
    matches = match(predictions, truths, "mask")
    return [m.fault for m in mistakes(predictions, truths, matches, 0.25, "mask")]


def evaluate_predictions(squares):
    from distill.data.coco import ImageRecord
    from distill.evaluate.predictions import predictions_of

    record = ImageRecord(1, None, 128, 96, None, None, ())
    return predictions_of(seen(squares), record)


@pytest.mark.parametrize(
    ("truths", "squares", "expected"),
    [
        ([truth(CUP)], [(CUP, 0.9)], []),
        ([truth(CUP)], [(MOVED, 0.9)], []),
        ([truth(CUP)], [], ["missed"]),
        ([truth(CUP)], [(CUP, 0.2)], ["missed"]),
        ([], [(CUP, 0.9)], ["background"]),
        ([truth(CUP)], [((0, 30, 10, 70, 50), 0.9)], ["location"]),
        ([truth(CUP)], [((1, *CUP[1:]), 0.9)], ["class"]),
        ([truth(CUP)], [(CUP, 0.9), (MOVED, 0.8)], ["duplicate"]),
        ([truth(CUP)], [((0, 60, 60, 90, 90), 0.9)], ["background", "missed"]),
        ([truth(CUP, ignore=True)], [(CUP, 0.9)], []),
        ([truth(CUP, ignore=True)], [], []),
    ],
)
def test_mistakes_are_called_what_they_are(truths, squares, expected):
    assert faults(truths, squares) == expected


def test_the_surer_prediction_takes_the_object():
    predictions = evaluate_predictions([(MOVED, 0.9), (CUP, 0.8)])
    assert match(predictions, [truth(CUP)], "mask").partner == (0, -1)


def test_each_prediction_takes_the_free_object_that_it_overlaps_most():
    left, right = truth((0, 10, 10, 40, 50)), truth((0, 20, 10, 50, 50))
    predictions = evaluate_predictions([((0, 19, 10, 49, 50), 0.9), ((0, 18, 10, 48, 50), 0.8)])
    assert match(predictions, [left, right], "mask").partner == (1, 0)


def test_f1_is_looked_at_where_scores_change():
    scores = Scores.sorted([0.5, 0.9, 0.5], [False, True, True], 2)
    score, f1 = scores.f1_curve()
    assert score.tolist() == [0.9, 0.5]
    assert f1.tolist() == pytest.approx([2 / 3, 4 / 5])
    assert Scores.sorted([], [], 3).f1_curve()[0].shape == (0,)
    assert np.isclose(scores.at(0.5).recall, 1)
