import math

import pytest
import torch
from torch.nn import functional

from distill.student.losses.masks import mask_losses

FIRST = torch.tensor([0])
WHOLE = torch.tensor([[0.0, 0, 32, 32]])  # 8 by 8 pixels at stride 4


def losses(student, teacher, boxes=WHOLE, objects=FIRST, stride=4):
    return mask_losses(student, teacher, boxes, objects, stride)


def sure(wanted):
    """Logits without doubt of masks [N, h, w] of 0 and 1."""
    return torch.where(wanted > 0, 40.0, -40.0)


def test_known_masks():
    """Everywhere a half against half an image: ln 2, and 0.25 * 64 over 0.25 * 64 + 32."""
    wanted = torch.zeros(1, 8, 8)
    wanted[:, :4] = 1
    loss = losses(torch.zeros(1, 8, 8), sure(wanted))
    assert loss.tolist() == pytest.approx([math.log(2) + 1 / 3], rel=1e-5)


def test_the_dice_part_is_that_of_v_net():
    torch.manual_seed(0)
    ours, theirs = torch.randn(2, 1, 8, 8)
    told, truth = ours.sigmoid(), theirs.sigmoid()
    dice = 1 - 2 * (told * truth).sum() / (told.square() + truth.square()).sum()
    cross = functional.binary_cross_entropy_with_logits(ours, truth)
    entropy = functional.binary_cross_entropy_with_logits(theirs, truth)
    torch.testing.assert_close(losses(ours, theirs), (cross - entropy + dice)[None])


@pytest.mark.parametrize("size", [1, 30])
def test_equal_masks_cost_nothing_and_pull_nowhere(size):
    torch.manual_seed(0)
    student = (size * torch.randn(3, 8, 8)).requires_grad_()
    objects, boxes = torch.arange(3), WHOLE.repeat(3, 1)
    loss = losses(student, student.detach().clone(), boxes, objects)
    loss.sum().backward()
    assert loss.tolist() == [0, 0, 0]
    assert student.grad.abs().max() < 1e-7


def test_a_wrong_mask_costs_more_than_a_doubtful_one():
    wanted = torch.zeros(1, 8, 8)
    wanted[:, 2:6, 2:6] = 1
    right, doubtful, wrong = (losses(sure(wanted) * k, sure(wanted)).item() for k in (1, 0, -1))
    assert right == 0
    assert doubtful < wrong


def test_only_pixels_in_the_box_of_the_teacher_count():
    """A box from 8 to 24.5 by 4 to 14: pixels 2 to 5 and 1 to 2; the centre of 6 is at 26."""
    student = torch.zeros(1, 8, 8, requires_grad=True)
    loss = losses(student, torch.full((1, 8, 8), 9.0), torch.tensor([[8.0, 4, 24.5, 13.9]]))
    loss.sum().backward()
    reached = torch.zeros(8, 8, dtype=torch.bool)
    reached[1:3, 2:6] = True
    assert torch.equal(student.grad[0] != 0, reached)


def test_size_of_an_object_does_not_matter():
    small, large = torch.tensor([[0.0, 0, 8, 8]]), torch.tensor([[0.0, 0, 32, 32]])
    ours, theirs = torch.zeros(1, 8, 8), torch.full((1, 8, 8), 9.0)
    torch.testing.assert_close(losses(ours, theirs, small), losses(ours, theirs, large))


def test_several_cells_may_learn_one_object():
    torch.manual_seed(0)
    student, teacher = torch.randn(3, 8, 8), torch.randn(2, 8, 8)
    boxes = torch.tensor([[0.0, 0, 20, 20], [8, 8, 32, 32]])
    objects = torch.tensor([1, 0, 1])
    together = losses(student, teacher, boxes, objects)
    alone = [
        losses(student[i : i + 1], teacher[k : k + 1], boxes[k : k + 1])
        for i, k in enumerate(objects.tolist())
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("theirs", [4, 16])
def test_masks_of_another_stride_lie_where_they_are(theirs):
    """A slope in input pixels, drawn at stride 8 or 2 by the teacher, at 4 by the student."""

    def slope(count):
        stride = 32 / count
        centres = (torch.arange(count) + 0.5) * stride
        return ((centres - 16) / 4).expand(1, count, count)

    inner = torch.tensor([[4.0, 4, 28, 28]])  # at the border resizing has nothing beyond
    assert losses(slope(8), slope(theirs), inner).item() == pytest.approx(0, abs=1e-6)
    shifted = slope(8) + 4 / 4  # by one pixel of the student's
    assert losses(shifted, slope(theirs), inner) > 0.01


def test_gradient_reaches_the_student_alone():
    student, teacher = (torch.randn(1, n, n, requires_grad=True) for n in (8, 4))
    boxes = WHOLE.clone().requires_grad_()
    losses(student, teacher, boxes).sum().backward()
    assert student.grad.abs().min() > 0
    assert teacher.grad is None
    assert boxes.grad is None


@pytest.mark.parametrize(
    "box", [(9.0, 9.0, 9.5, 9.5), (40.0, 40.0, 50.0, 50.0), (-20.0, -20.0, -10.0, -4.0)]
)
def test_a_box_without_a_pixel_costs_nothing(box):
    student = torch.randn(1, 8, 8, requires_grad=True)
    loss = losses(student, torch.randn(1, 8, 8), torch.tensor([box]))
    loss.sum().backward()
    assert loss.tolist() == [0]
    assert student.grad.abs().max() == 0


def test_no_masks_are_no_losses():
    none = torch.zeros(0, dtype=torch.long)
    assert losses(torch.zeros(0, 8, 8), torch.zeros(0, 4, 4), torch.zeros(0, 4), none).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_stay_finite(dtype, size):
    student = torch.full((1, 8, 8), size, dtype=dtype, requires_grad=True)
    loss = losses(student, torch.full((1, 4, 4), -size, dtype=dtype))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert loss.item() > 100
    assert student.grad.isfinite().all()
    assert loss.dtype == torch.float32
