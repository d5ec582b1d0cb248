import math

import pytest
import torch
from torch.nn import functional

from distill.rtmdet.losses import dice, giou, quality_focal


def boxes(*rows, grad=False):
    return torch.tensor(rows, dtype=torch.float64, requires_grad=grad)


@pytest.mark.parametrize(
    ("box", "target", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 0),
        ((0, 0, 10, 10), (20, 0, 30, 10), 1 + 1 / 3),  # a third of what surrounds them is empty
        ((2, 2, 4, 4), (0, 0, 10, 10), 1 - 0.04),  # nested: the plain overlap
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 - (1 / 7 - 2 / 9)),
        ((0, 0, 10, 10), (10, 0, 20, 10), 1),  # they touch
        ((5, 5, 5, 5), (0, 0, 10, 10), 1),  # an empty box inside
    ],
)
def test_giou_of_known_boxes(box, target, expected):
    assert giou(boxes(box), boxes(target)).item() == pytest.approx(expected, abs=1e-6)


def test_giou_goes_to_two_far_away():
    assert giou(boxes((0, 0, 1, 1)), boxes((999, 999, 1000, 1000))).item() == pytest.approx(
        2, abs=1e-5
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("target", [(0, 0, 10, 10), (5, 5, 5, 5), (0, 0, 0, 0), (30, 30, 40, 40)])
def test_giou_of_an_empty_box_has_a_finite_gradient(dtype, target):
    empty = torch.tensor([(5, 5, 5, 5)], dtype=dtype, requires_grad=True)
    loss = giou(empty, torch.tensor([target], dtype=dtype))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(empty.grad).all()


def test_giou_draws_a_disjoint_box_nearer():
    box = boxes((0, 0, 10, 10), grad=True)
    giou(box, boxes((20, 0, 30, 10))).sum().backward()
    assert box.grad[0, 2] < 0  # downhill is to the right


def test_giou_of_no_pairs_is_nothing():
    assert giou(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


def test_dice_is_nothing_for_a_mask_that_is_right():
    target = torch.zeros(1, 8, 8)
    target[:, 2:5, 1:7] = 1
    right = torch.where(target > 0, 40.0, -40.0)
    assert dice(right, target).item() == pytest.approx(0, abs=1e-5)
    assert dice(-right, target).item() == pytest.approx(1, abs=1e-5)


def test_dice_of_a_known_mask():
    target = torch.zeros(1, 4, 4, dtype=torch.float64)
    target[:, :2] = 1  # 8 of 16
    # Everywhere a half: 2 * 8 * 0.5 / (16 * 0.25 + 8 + 1e-5).
    expected = 1 - 8 / (12 + 1e-5)
    half = torch.zeros(1, 4, 4, dtype=torch.float64)
    assert dice(half, target).item() == pytest.approx(expected, abs=1e-12)
    assert dice(half, target.bool()).item() == pytest.approx(expected, abs=1e-12)


def test_dice_of_an_empty_target_has_a_finite_gradient():
    logits = torch.full((2, 4, 4), -200.0, requires_grad=True)
    loss = dice(logits, torch.zeros(2, 4, 4))
    loss.sum().backward()
    assert loss.tolist() == [1, 1]
    assert torch.isfinite(logits.grad).all()


def plain_quality_focal(logits, wanted):
    """As the paper writes it: the whole table of soft labels."""
    cross = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (cross * (wanted - logits.sigmoid()).abs() ** 2).sum(dim=1)


def test_quality_focal_of_known_cells():
    logits = torch.zeros(3, 1, dtype=torch.float64)
    loss = quality_focal(
        logits, torch.tensor([1, 2]), torch.tensor([0, 0]), torch.tensor([1.0, 0.5]).double()
    )
    # A half of background: ln 2 * 0.25; of an object that shall be sure: the same; right: none.
    assert loss.tolist() == pytest.approx([math.log(2) / 4, math.log(2) / 4, 0])


def test_quality_focal_is_the_plain_definition_and_so_is_its_gradient():
    torch.manual_seed(0)
    logits = (3 * torch.randn(12, 5, dtype=torch.float64)).requires_grad_()
    cells, labels = torch.tensor([0, 3, 4, 11]), torch.tensor([4, 0, 0, 2])
    qualities = torch.tensor([0.0, 0.3, 0.9, 1.0], dtype=torch.float64)
    wanted = torch.zeros(12, 5, dtype=torch.float64)
    wanted[cells, labels] = qualities
    ours = quality_focal(logits, cells, labels, qualities)
    plain = plain_quality_focal(logits, wanted)
    torch.testing.assert_close(ours, plain)
    weights = torch.rand(12, dtype=torch.float64)
    (got,) = torch.autograd.grad((ours * weights).sum(), logits)
    (expected,) = torch.autograd.grad((plain * weights).sum(), logits)
    torch.testing.assert_close(got, expected)
    assert got.abs().min() > 0


def test_quality_focal_bears_logits_without_bounds():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = quality_focal(logits, torch.tensor([0]), torch.tensor([1]), torch.tensor([0.7]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()


def test_quality_focal_without_objects_is_background():
    logits = torch.randn(4, 2, dtype=torch.float64)
    none = torch.zeros(0, dtype=torch.long)
    loss = quality_focal(logits, none, none, torch.zeros(0, dtype=torch.float64))
    torch.testing.assert_close(loss, plain_quality_focal(logits, torch.zeros_like(logits)))
