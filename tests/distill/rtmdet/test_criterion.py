import os
import subprocess
import sys
from pathlib import Path

import pytest
import raw_batch
import torch
from raw_batch import SIZE, gradients, leaves, only, raw_outputs, rectangles
from torch import nn

from distill.rtmdet.criterion import Criterion
from models.nets.head import RawOutputs
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.sizes import STRIDES

NONE = rectangles()


def loss_of(raw, targets, name=None):
    losses = Criterion()(raw, targets)
    return sum(losses.values()) if name is None else losses[name]


def test_three_losses_come_out_and_each_teaches_its_branch():
    raw = raw_outputs()
    losses = Criterion()(raw, raw_batch.targets())
    assert list(losses) == ["loss_cls", "loss_box", "loss_mask"]
    assert all(loss.shape == () and loss > 0 for loss in losses.values())
    for name, taught in (
        ("loss_cls", raw.class_logits),
        ("loss_box", raw.distances),
        ("loss_mask", [*raw.kernels, raw.mask_features]),
    ):
        found = torch.autograd.grad(losses[name], leaves(raw), retain_graph=True, allow_unused=True)
        busy = [g is not None and bool(g.any()) for g in found]
        of_branch = [any(leaf is x for x in taught) for leaf in leaves(raw)]
        assert not any(b and not own for b, own in zip(busy, of_branch, strict=True))
        assert any(busy)


def test_the_levels_add_up():
    raw = raw_outputs()
    levels, total = Criterion().levels(raw, raw_batch.targets()), loss_of(raw, raw_batch.targets())
    assert levels.classes.shape == levels.boxes.shape == (3,)
    torch.testing.assert_close(levels.classes.sum() + levels.boxes.sum() + levels.masks, total)


def class_gradients(targets):
    raw = raw_outputs(1)
    loss_of(raw, [targets], "loss_cls").backward()
    return [x.grad[0] for x in raw.class_logits]


def test_background_in_an_ignored_region_teaches_nothing():
    ignore = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    ignore[:, 32:] = True
    everything, ignored = class_gradients(NONE), class_gradients(rectangles(ignore=ignore))
    for all_of_it, part in zip(everything, ignored, strict=True):
        half = part.shape[-1] // 2
        assert not part[..., half:].any()
        assert part[..., :half].equal(all_of_it[..., :half])
        assert all_of_it[..., half:].any()


def test_an_object_in_an_ignored_region_is_learned_all_the_same():
    ignore = torch.ones(SIZE, SIZE, dtype=torch.bool)
    seen = rectangles((4, 4, 60, 60), ignore=ignore)
    (assigned,) = Criterion().assignments(raw_outputs(1), [seen])
    found = torch.cat([g.flatten(1).T for g in class_gradients(seen)])
    learned = found.any(dim=1).nonzero().squeeze(1)
    assert len(learned) > 0
    assert learned.equal(assigned.cells)


def test_raw_outputs_without_targets_give_finite_losses():
    losses = Criterion()(raw_outputs(), [NONE, NONE])
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert losses["loss_box"] == losses["loss_mask"] == 0
    assert losses["loss_cls"] > 0


@pytest.mark.slow
def test_every_parameter_has_a_gradient_without_any_target():
    """Or else processes that wait for one another's gradients would hang."""
    torch.manual_seed(0)
    net = RTMDetIns("tiny", classes=raw_batch.CLASSES)
    loss_of(net(torch.randn(2, 3, SIZE, SIZE)), [NONE, NONE]).backward()
    missing = [name for name, p in net.named_parameters() if p.grad is None]
    assert missing == []
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


class TinyHead(nn.Module):
    """Linear maps in the place of a network."""

    def __init__(self):
        super().__init__()
        channels = (raw_batch.CLASSES, 4, 169)
        self.layers = nn.ModuleList(nn.Conv2d(1, n, 1) for n in channels)
        self.features = nn.Conv2d(1, 8, 1)

    def forward(self, x):
        maps = [nn.functional.avg_pool2d(x, stride) for stride in STRIDES]
        cls, reg, kernel = ([layer(m) for m in maps] for layer in self.layers)
        distances = tuple(r.exp() * s for r, s in zip(reg, STRIDES, strict=True))
        return RawOutputs(tuple(cls), distances, tuple(kernel), self.features(maps[0]))


@pytest.mark.slow
def test_learning_makes_every_loss_smaller():
    torch.manual_seed(0)
    head, seen = TinyHead(), [rectangles((8, 8, 56, 56), labels=[1])]
    image = seen[0].masks[:, None].float()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    before = Criterion()(head(image), seen)
    for _ in range(60):
        optimizer.zero_grad()
        loss_of(head(image), seen).backward()
        optimizer.step()
    after = Criterion()(head(image), seen)
    assert all(after[name] < 0.8 * before[name] for name in before)


def test_half_precision_outputs_give_losses_in_float32():
    raw = raw_outputs()
    half = RawOutputs(
        *(tuple(x.detach().half() for x in level) for level in raw[:3]),
        raw.mask_features.detach().half(),
    )
    losses = Criterion()(half, raw_batch.targets())
    exact = Criterion()(raw, raw_batch.targets())
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact[name].item(), rel=0.01)


def test_an_image_weighs_the_same_in_whatever_place():
    raw, seen = raw_outputs(), raw_batch.targets()
    swapped = only(raw, [1, 0])
    torch.testing.assert_close(loss_of(raw, seen), loss_of(swapped, seen[::-1]))


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_one_with_both_images(tmp_path):
    root = Path(__file__).resolve().parents[3]
    paths = os.pathsep.join([str(root), str(root / "tests" / "distill")])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    results = [tmp_path / f"{rank}.pt" for rank in range(2)]
    ranks = [
        subprocess.Popen(
            [
                sys.executable,
                raw_batch.__file__,
                str(rank),
                (tmp_path / "store").as_uri(),
                str(result),
            ],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, result in enumerate(results)
    ]
    said = [rank.communicate(timeout=600)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], said
    first, second = (torch.load(result) for result in results)
    whole = gradients(raw_outputs(), raw_batch.targets())
    for mine, yours, both in zip(first, second, whole, strict=True):
        torch.testing.assert_close(torch.cat([mine, yours]) / 2, both)
    assert any(not torch.allclose(a, b[:1]) for a, b in zip(first, whole, strict=True))
