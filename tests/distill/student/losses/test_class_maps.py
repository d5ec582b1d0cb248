import math

import pytest
import torch

from distill.student.losses.class_maps import class_map_loss


def logits(*probabilities):
    """[1, 1, A]."""
    return torch.tensor(probabilities, dtype=torch.float64).logit().view(1, 1, -1)


def test_known_cells():
    """ln 2 for each cell at a half, weighted by how far off it is, over 0.9 + 0.5 + 0.6."""
    loss = class_map_loss(logits(0.5, 0.5, 0.5), logits(0.9, 0.5, 0.6))
    assert loss.item() == pytest.approx(math.log(2) * (0.4 + 0 + 0.1) / 2, rel=1e-5)


def test_equal_maps_cost_nothing_and_pull_nowhere():
    student = (3 * torch.randn(2, 4, 30)).requires_grad_()
    loss = class_map_loss(student, student.detach().clone())
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() == 0


def test_each_cell_is_drawn_by_its_disagreement():
    """The weight itself has no gradient."""
    torch.manual_seed(0)
    student = torch.randn(1, 2, 9, requires_grad=True)
    teacher = torch.randn(1, 2, 9)
    class_map_loss(student, teacher).backward()
    off = student.detach().sigmoid() - teacher.sigmoid()
    share = teacher.sigmoid().amax(1).sum()
    torch.testing.assert_close(student.grad, off.abs() * off / share)


def test_what_divides_is_the_best_score_of_each_cell():
    """A class that the teacher sees nowhere adds its own mistakes and nothing to the divisor."""
    teacher = torch.cat([logits(0.9, 0.8), logits(0.1, 0.2)], dim=1)
    right = torch.cat([logits(0.5, 0.5), logits(0.1, 0.2)], dim=1)
    alone = class_map_loss(logits(0.5, 0.5), logits(0.9, 0.8))
    torch.testing.assert_close(class_map_loss(right, teacher), alone)


def test_an_image_of_background_counts_as_one():
    student, teacher = logits(0.5, 0.5), logits(1e-3, 1e-3)
    expected = 2 * math.log(2) * 0.499  # over 1, not over 0.002
    assert class_map_loss(student, teacher).item() == pytest.approx(expected, rel=1e-4)
    both = class_map_loss(torch.cat([student] * 3), torch.cat([teacher] * 3))
    assert both.item() == pytest.approx(expected, rel=1e-4)


def test_more_background_around_does_not_make_an_object_vanish():
    near = class_map_loss(logits(0.2, 0.2), logits(0.9, 0.8))
    far = class_map_loss(logits(0.2, 0.2, *[1e-6] * 2000), logits(0.9, 0.8, *[1e-6] * 2000))
    assert far.item() == pytest.approx(near.item(), rel=0.01)


def test_gradient_reaches_the_student_alone():
    student, teacher = (torch.randn(2, 3, 5, requires_grad=True) for _ in range(2))
    class_map_loss(student, teacher).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_stay_finite(dtype, size):
    student = torch.full((1, 1, 4), size, dtype=dtype, requires_grad=True)
    loss = class_map_loss(student, torch.full((1, 1, 4), -size, dtype=dtype))
    loss.backward()
    assert loss.isfinite()
    assert loss > 1
    assert student.grad.isfinite().all()
    assert loss.dtype == torch.float32
