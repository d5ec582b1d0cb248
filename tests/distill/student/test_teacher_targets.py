import pytest
import torch

from distill.student.teacher_targets import (
    MAX_CELLS,
    MAX_OBJECTS,
    TeacherInstances,
    match_cells,
    teacher_instances,
)

BOX = (10.0, 10.0, 30.0, 30.0)
NEAR = (11.0, 10.0, 30.0, 31.0)  # IoU 0.9 with it
HALF = (10.0, 10.0, 30.0, 21.0)  # IoU 0.55
FAR = (50.0, 50.0, 70.0, 70.0)


def cells(*predictions, classes=2):
    """Logits [C, A] and boxes [4, A] of cells, each told as class, score and box."""
    scores = torch.full((classes, len(predictions)), 0.01)
    for i, (label, score, _) in enumerate(predictions):
        scores[label, i] = score
    return scores.logit(), torch.tensor([box for *_, box in predictions]).view(-1, 4).T


def objects(*predictions):
    """As a teacher sees them: the student's class and box of each."""
    labels, boxes = zip(*predictions, strict=True)
    count = len(predictions)
    return TeacherInstances(
        torch.arange(count), torch.tensor(labels), torch.ones(count), torch.tensor(boxes)
    )


def pairs(seen, *predictions):
    found = match_cells(seen, *cells(*predictions))
    return sorted(zip(found.objects.tolist(), found.cells.tolist(), strict=True))


def test_the_best_cell_of_each_object_stays():
    seen = teacher_instances(*cells((0, 0.7, BOX), (0, 0.9, NEAR), (1, 0.5, FAR), (0, 0.2, FAR)))
    assert seen.cells.tolist() == [1, 2]
    assert seen.classes.tolist() == [0, 1]
    assert seen.scores.tolist() == pytest.approx([0.9, 0.5])
    assert seen.boxes.tolist() == [list(NEAR), list(FAR)]


def test_objects_of_two_classes_may_lie_in_one_place():
    assert teacher_instances(*cells((0, 0.7, BOX), (1, 0.9, BOX))).classes.tolist() == [1, 0]


def test_objects_that_overlap_a_little_both_stay():
    assert teacher_instances(*cells((0, 0.7, BOX), (0, 0.9, HALF))).cells.tolist() == [1, 0]


def test_a_crowd_is_cut_off_at_its_least_certain():
    crowd = [(0, 0.4 + 0.01 * i, (50.0 * i, 0.0, 50.0 * i + 20, 20.0)) for i in range(40)]
    seen = teacher_instances(*cells(*crowd))
    assert seen.cells.tolist() == list(range(39, 39 - MAX_OBJECTS, -1))


def test_a_box_that_is_inside_out_is_no_object():
    assert not len(teacher_instances(*cells((0, 0.9, (30.0, 10.0, 10.0, 30.0)))).cells)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_seen_is_nothing_to_match(dtype):
    logits, boxes = (values.to(dtype) for values in cells((0, 0.1, BOX), (1, 0.2, FAR)))
    seen = teacher_instances(logits, boxes)
    assert seen.cells.shape == (0,)
    assert seen.boxes.shape == (0, 4)
    assert match_cells(seen, logits, boxes).cells.shape == (0,)


def test_cells_match_by_class_score_and_overlap():
    """Of cells with the same box the surest, of the same score the closest."""
    assert pairs(objects((0, BOX)), *[(0, 0.2 + 0.1 * i, BOX) for i in range(5)]) == [
        (0, 2), (0, 3), (0, 4)
    ]  # fmt: skip
    best = [(0, 0.5, HALF), (0, 0.5, NEAR), (1, 0.9, BOX), (0, 0.5, NEAR), (0, 0.5, BOX)]
    assert pairs(objects((0, BOX)), *best) == [(0, 1), (0, 3), (0, 4)]


def test_a_box_elsewhere_is_no_match_however_sure():
    half_less = (10.0, 10.0, 30.0, 19.9)  # IoU 0.495
    assert pairs(objects((0, BOX)), (0, 0.99, FAR), (0, 0.99, half_less)) == []
    assert pairs(objects((0, BOX)), (0, 0.99, FAR), (0, 0.001, HALF)) == [(0, 1)]


def test_a_cell_learns_one_mask():
    two = objects((0, BOX), (0, HALF))  # they overlap by 0.55
    assert pairs(two, (0, 0.9, HALF), (0, 0.9, BOX)) == [(0, 1), (1, 0)]
    of_both = objects((0, BOX), (1, BOX))
    assert pairs(of_both, (1, 0.9, BOX)) == [(1, 0)]


def test_boxes_that_are_no_boxes_match_nothing():
    odd = [(30.0, 30.0, 10.0, 10.0), (20.0, 20.0, 20.0, 20.0), *[(float("nan"),) * 4] * MAX_CELLS]
    found = pairs(objects((0, BOX)), (0, 0.1, BOX), *[(0, 0.9, box) for box in odd])
    assert found == [(0, 0)]


def test_fewer_cells_than_an_object_may_have():
    assert len(pairs(objects((0, BOX)), (0, 0.9, BOX))) == 1 < MAX_CELLS
