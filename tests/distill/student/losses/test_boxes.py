import pytest
import torch
from torchvision.ops import generalized_box_iou_loss

from distill.student.losses.boxes import MIN_SCORE, box_loss, giou_loss


def boxes(*rows, dtype=torch.float32):
    """[1, 4, A]."""
    return torch.tensor(rows, dtype=dtype).T[None]


def scores(*values):
    return torch.tensor([values])


@pytest.mark.parametrize(
    ("box", "target", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 0),
        ((0, 0, 10, 10), (20, 0, 30, 10), 1 + 1 / 3),  # a third of what surrounds them is empty
        ((2, 2, 4, 4), (0, 0, 10, 10), 0.96),
        ((5, 5, 5, 5), (0, 0, 10, 10), 1),  # nothing, inside
        ((10, 0, 0, 10), (0, 0, 10, 10), 2),  # inside out in x
        ((10, 10, 0, 0), (0, 0, 10, 10), 2),  # in both: no better
    ],
)
def test_known_boxes(box, target, expected):
    loss = box_loss(boxes(box), boxes(target), scores(1.0))
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_of_sound_boxes_it_is_the_generalised_iou():
    torch.manual_seed(0)
    low, side = 50 * torch.rand(2, 40, 2), 1 + 30 * torch.rand(2, 40, 2)
    ours, theirs = torch.cat([low, low + side], dim=2)
    torch.testing.assert_close(giou_loss(ours, theirs), generalized_box_iou_loss(ours, theirs))


def test_weighted_by_the_scores_of_the_teacher():
    """Costs 0 and 0.96, weights 0.9 and 0.3, and a cell too doubtful to count."""
    ours = boxes((0, 0, 10, 10), (2, 2, 4, 4), (80, 80, 90, 90))
    theirs = boxes(*[(0, 0, 10, 10)] * 3)
    loss = box_loss(ours, theirs, scores(0.9, 0.3, MIN_SCORE - 0.01))
    assert loss.item() == pytest.approx(0.96 * 0.3 / 1.2)


def test_a_single_doubtful_cell_is_not_as_loud_as_an_object():
    loss = box_loss(boxes((2, 2, 4, 4)), boxes((0, 0, 10, 10)), scores(0.1))
    assert loss.item() == pytest.approx(0.96 * 0.1)


def test_equal_boxes_cost_nothing():
    some = boxes((0, 0, 10, 10), (-5, 3, 700.5, 31.25))
    assert box_loss(some, some.clone(), scores(0.9, 0.9)).item() == 0


def test_grids_that_are_half_a_cell_apart_agree_where_their_boxes_do():
    """RTMDet measures from the corner of a cell, YOLO from its middle and in cells."""
    torch.manual_seed(0)
    stride, cells = 8, torch.arange(16.0)
    corner = torch.stack(torch.meshgrid(cells, cells, indexing="xy")).flatten(1) * stride
    middle = corner + stride / 2
    left_top, right_bottom = 4 + 40 * torch.rand(2, 2, 256)
    of_rtmdet = torch.cat([corner - left_top, corner + right_bottom])
    in_cells = torch.cat([left_top + stride / 2, right_bottom - stride / 2]) / stride
    of_yolo = torch.cat([middle - in_cells[:2] * stride, middle + in_cells[2:] * stride])
    seen = torch.full((1, 256), 0.8)
    assert box_loss(of_yolo[None], of_rtmdet[None], seen).item() == pytest.approx(0, abs=1e-5)
    shifted = of_yolo + stride / 2  # what comparing raw distances would teach
    assert box_loss(shifted[None], of_rtmdet[None], seen) > 0.1


def test_boxes_are_compared_beyond_the_image():
    inside = box_loss(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10)), scores(0.9))
    beyond = box_loss(boxes((0, 0, 10, 10)), boxes((-10, 0, 10, 10)), scores(0.9))
    assert inside.item() == 0
    assert beyond.item() == pytest.approx(0.9 * 0.5)  # 0.9 alone weighs less than 1


def test_nothing_seen_is_nothing_and_can_be_gone_back_through():
    ours = boxes((0, 0, 10, 10)).requires_grad_()
    loss = box_loss(ours, boxes((5, 5, 9, 9)), scores(0.01))
    loss.backward()
    assert loss.item() == 0
    assert ours.grad.abs().max() == 0


def test_a_teacher_that_is_inside_out_teaches_nothing():
    ours = boxes((0, 0, 10, 10), (0, 0, 10, 10))
    assert box_loss(ours, boxes((9, 0, 1, 9), (4, 4, 4, 9)), scores(0.9, 0.9)).item() == 0


def test_gradient_reaches_the_student_alone():
    ours, theirs = boxes((0, 0, 10, 10)).requires_grad_(), boxes((5, 5, 30, 30)).requires_grad_()
    sure = scores(0.9).requires_grad_()
    box_loss(ours, theirs, sure).backward()
    assert ours.grad.abs().min() > 0
    assert theirs.grad is None
    assert sure.grad is None


@pytest.mark.slow
@pytest.mark.parametrize("box", [(30, 2, 2, 30), (2, 30, 30, 2), (30, 30, 2, 2), (90, 90, 80, 80)])
def test_downhill_opens_a_box_that_is_inside_out(box):
    ours = boxes(box).requires_grad_()
    theirs = boxes((4, 6, 24, 28))
    optimizer = torch.optim.Adam([ours], lr=1)
    for _ in range(400):
        optimizer.zero_grad()
        loss = box_loss(ours, theirs, scores(1.0))
        assert 0 <= loss <= 3
        loss.backward()
        assert ours.grad.isfinite().all()
        optimizer.step()
    assert loss < 0.2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_boxes_stay_finite(dtype):
    ours = boxes((-1e6, -1e6, 1e6, 1e6), (0, 0, 0, 0), (1e6, 0, -1e6, 1e-8), dtype=dtype)
    ours.requires_grad_()
    theirs = boxes((0, 0, 1e-4, 1e-4), (0, 0, 1e6, 1e6), (1, 1, 2, 2), dtype=dtype)
    loss = box_loss(ours, theirs, scores(1.0, 1.0, 1.0).to(dtype))
    loss.backward()
    assert loss.isfinite()
    assert ours.grad.isfinite().all()
    assert loss.dtype == torch.float32
