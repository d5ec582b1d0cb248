import math

import pytest
import torch

from distill.student.losses.feature import FeatureLoss, channel_divergence


def maps(*shape, seed=0, dtype=torch.float32, grad=False):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype).requires_grad_(grad)


def test_known_divergence_of_two_cells():
    """Normalised they are -1 and 1, so each side is sure by a factor of e^2, the other way."""
    student, teacher = torch.tensor([3.0, -3.0]), torch.tensor([-70.0, 30.0])
    loss = channel_divergence(student.view(1, 1, 1, 2), teacher.view(1, 1, 1, 2))
    assert loss.item() == pytest.approx(2 * math.tanh(1), rel=1e-5)


def test_the_definition_written_out():
    student, teacher = maps(2, 3, 4, 5, seed=1).double(), maps(2, 3, 4, 5, seed=2).double()
    expected = 0.0
    for channel in range(3):
        logs = []
        for side in (student, teacher):
            values = side[:, channel]
            scaled = (values - values.mean()) / (values.var(correction=0) + 1e-5).sqrt()
            logs.append([torch.log(image.exp() / image.exp().sum()) for image in scaled])
        for told, truth in zip(*logs, strict=True):
            expected += (truth.exp() * (truth - told)).sum().item()
    assert channel_divergence(student, teacher).item() == pytest.approx(expected / 6, rel=1e-5)


def test_equal_maps_cost_nothing_and_pull_nowhere():
    student = maps(2, 8, 6, 6, grad=True)
    loss = channel_divergence(student, student.detach().clone())
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() < 1e-6


@pytest.mark.parametrize("side", [0, 1])
def test_scale_and_shift_of_a_channel_do_not_matter(side):
    pair = [maps(2, 4, 6, 6, seed=1), maps(2, 4, 6, 6, seed=1) + 0.3 * maps(2, 4, 6, 6, seed=2)]
    before = channel_divergence(*pair)
    scales, shifts = torch.tensor([0.5, 2, 30, 7]), torch.tensor([0.0, -5, 100, 1])
    pair[side] = pair[side] * scales[:, None, None] + shifts[:, None, None]
    torch.testing.assert_close(channel_divergence(*pair), before, rtol=1e-3, atol=0)
    pair[side] = -pair[side]
    assert channel_divergence(*pair) > 10 * before


def test_levels_are_summed_and_a_larger_batch_is_no_louder():
    torch.manual_seed(0)
    loss = FeatureLoss([4, 6], [5, 3])
    student = [maps(2, 4, 8, 8, seed=1), maps(2, 6, 4, 4, seed=2)]
    teacher = [maps(2, 5, 8, 8, seed=3), maps(2, 3, 4, 4, seed=4)]
    total = loss(student, teacher)
    each = [
        channel_divergence(projector(ours), theirs)
        for projector, ours, theirs in zip(loss.projectors, student, teacher, strict=True)
    ]
    torch.testing.assert_close(total, sum(each))
    twice = loss([m.repeat(3, 1, 1, 1) for m in student], [m.repeat(3, 1, 1, 1) for m in teacher])
    torch.testing.assert_close(twice, total)


def test_gradient_reaches_the_student_and_the_projectors_alone():
    loss = FeatureLoss([4], [5])
    student, teacher = maps(2, 4, 8, 8, seed=1, grad=True), maps(2, 5, 8, 8, seed=2, grad=True)
    loss([student], [teacher]).backward()
    assert student.grad.abs().sum() > 0
    assert loss.projectors[0].weight.grad.abs().sum() > 0
    assert loss.projectors[0].bias is None
    assert teacher.grad is None


def test_downhill_leads_to_the_teacher():
    torch.manual_seed(0)
    loss, teacher = FeatureLoss([4], [5]), [maps(2, 5, 6, 6, seed=1)]
    student = maps(2, 4, 6, 6, seed=2, grad=True)
    optimizer = torch.optim.Adam([student, *loss.parameters()], lr=0.05)
    first = loss([student], teacher).item()
    for _ in range(100):
        optimizer.zero_grad()
        loss([student], teacher).backward()
        optimizer.step()
    assert loss([student], teacher).item() < 0.2 * first


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [0, 1e-8, 1e4, 1e15])
def test_extreme_maps_stay_finite(dtype, size):
    torch.manual_seed(0)
    loss = FeatureLoss([4], [5])
    student = (maps(2, 4, 8, 8, seed=1) * size).to(dtype).requires_grad_()
    value = loss([student], [(maps(2, 5, 8, 8, seed=2) * size).to(dtype)])
    value.backward()
    assert value.isfinite()
    assert value.dtype == torch.float32
    assert student.grad.isfinite().all()
    assert loss.projectors[0].weight.grad.isfinite().all()


def test_autocast_does_not_reach_inside():
    torch.manual_seed(0)
    loss, pair = FeatureLoss([4], [5]), ([maps(2, 4, 8, 8, seed=1)], [maps(2, 5, 8, 8, seed=2)])
    exact = loss(*pair)
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(*pair) == exact
