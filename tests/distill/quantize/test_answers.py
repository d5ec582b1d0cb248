"""Two readings of one frame, compared answer by answer."""

import pytest
from evaluating import SIZE, seen

from distill.quantize.answers import compared

CUP, CAN, FAR = (0, 10, 10, 50, 60), (1, 70, 20, 120, 80), (0, 60, 10, 110, 60)
FRAME = (SIZE[1], SIZE[0])


def agreement(reference, found, **more):
    return compared(seen(reference), seen(found), FRAME, more.get("confidence", 0.25))


def test_the_same_agree_wholly():
    found = agreement([(CUP, 0.9), (CAN, 0.5)], [(CUP, 0.9), (CAN, 0.5)])
    assert (found.reference, found.seen, found.both, found.paired) == (2, 2, 2, 2)
    assert (found.shift, found.overlap) == (0, 2)


def test_what_fell_below_the_confidence_moved_and_disagrees():
    found = agreement([(CUP, 0.3)], [(CUP, 0.1)])
    assert (found.reference, found.seen, found.both, found.paired) == (1, 0, 0, 1)
    assert found.shift == pytest.approx(-0.2)


def test_doubtful_answers_of_the_reference_are_none():
    found = agreement([(CUP, 0.2)], [(CUP, 0.3)])
    assert (found.reference, found.seen, found.both, found.paired) == (0, 1, 0, 0)


def test_another_class_or_another_place_is_another_answer():
    for other in ((1, *CUP[1:]), FAR):
        found = agreement([(CUP, 0.9)], [(other, 0.9)])
        assert (found.reference, found.seen, found.both, found.paired) == (1, 1, 0, 0)


def test_each_answer_is_the_partner_of_one():
    found = agreement([(CUP, 0.9), (CUP, 0.8)], [(CUP, 0.7)])
    assert (found.reference, found.seen, found.both, found.paired) == (2, 1, 1, 1)


def test_masks_overlap_by_their_pixels():
    half = (0, 10, 10, 50, 35)  # of CUP's 50 rows 25: the boxes overlap just enough
    found = agreement([(CUP, 0.9)], [(half, 0.9)])
    assert found.overlap == pytest.approx(0.5)


def test_without_masks_only_boxes_are_compared():
    boxes = seen([(CUP, 0.9)], masks=False)
    assert compared(boxes, boxes, FRAME, 0.25).overlap == 1
    assert compared(boxes, seen([(CUP, 0.9)]), FRAME, 0.25).overlap == 0


def test_nothing_agrees_with_nothing():
    found = agreement([], [])
    assert (found.reference, found.seen, found.both, found.shift, found.overlap) == (0, 0, 0, 0, 0)
