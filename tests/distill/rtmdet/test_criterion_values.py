"""What a batch costs, at values that can be worked out by hand."""

import math

import pytest
import torch

from distill.rtmdet.criterion import Criterion, Targets
from distill.rtmdet.losses import dice
from models.nets.dynamic import mask_logits
from models.nets.head import RawOutputs
from models.nets.priors import priors
from models.nets.sizes import STRIDES

SIDE, CLASSES = 64, 2
LOG_2 = math.log(2)
BOX = (9.0, 9.0, 55.0, 47.0)


def raw_outputs(images=1, *, dtype=torch.float32, seed=0):
    """Random, with boxes about three strides wide."""
    draw = torch.Generator().manual_seed(seed)

    def level(channels, stride):
        shape = images, channels, SIDE // stride, SIDE // stride
        return torch.randn(shape, generator=draw).to(dtype)

    raw = RawOutputs(
        tuple(level(CLASSES, stride) for stride in STRIDES),
        tuple(level(4, stride).abs() * 2 * stride for stride in STRIDES),
        tuple(level(169, stride) for stride in STRIDES),
        level(8, STRIDES[0]),
    )
    for tensor in tensors(raw):
        tensor.requires_grad_()
    return raw


def tensors(raw):
    return [*raw.class_logits, *raw.distances, *raw.kernels, raw.mask_features]


def truth(*boxes, labels=None, ignore=None):
    """Objects whose masks fill their boxes."""
    masks = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[int(y0) : int(y1), int(x0) : int(x1)] = 1
    return Targets(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels or [0] * len(boxes), dtype=torch.long),
        masks,
        ignore,
    )


def gradients(raw, targets):
    total = sum(Criterion()(raw, targets).values())
    return torch.autograd.grad(total, tensors(raw), allow_unused=True)


def flat(levels):
    return torch.cat([level.flatten(2) for level in levels], dim=2)  # [B, C, P]


def predict(raw, box):
    """Let every cell predict this box."""
    with torch.no_grad():
        for level, stride in zip(raw.distances, STRIDES, strict=True):
            cells = priors(level.shape[2:], stride, "cpu", level.dtype)[:, :2]
            corners = torch.tensor(box, dtype=level.dtype)
            away = torch.cat([cells - corners[:2], corners[2:] - cells], dim=1)
            level.copy_(away.T.reshape(1, 4, *level.shape[2:]))


def test_background_costs_what_every_cell_says_too_much():
    """84 cells that can't decide between two classes, and nothing to divide by."""
    raw = raw_outputs()
    with torch.no_grad():
        for level in raw.class_logits:
            level.zero_()
    losses = Criterion()(raw, [truth()])
    assert losses["loss_cls"].item() == pytest.approx(84 * CLASSES * LOG_2 / 4, rel=1e-6)
    assert losses["loss_box"].item() == 0
    assert losses["loss_mask"].item() == 0


def test_a_wild_value_that_nobody_uses_spoils_nothing():
    """An overflow of half precision in the kernel of a background cell is not worth a NaN."""
    raw = raw_outputs()
    with torch.no_grad():
        raw.kernels[0][0, 5, 7, 7] = math.inf
    losses = Criterion()(raw, [truth(BOX)])
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_boxes_that_fit_cost_nothing_and_lose_by_their_distance():
    raw, targets = raw_outputs(), [truth(BOX)]
    predict(raw, BOX)
    assert Criterion()(raw, targets)["loss_box"].item() == pytest.approx(0, abs=1e-5)
    predict(raw, (BOX[0], BOX[1], (BOX[0] + BOX[2]) / 2, BOX[3]))
    # Half of the box: GIoU 1/2, whatever the number of cells; the weight is 2.
    assert Criterion()(raw, targets)["loss_box"].item() == pytest.approx(1, abs=1e-5)


def test_losses_of_a_few_bad_boxes_are_not_blown_up():
    """The sum of overlaps is less than 1 here, and 1 divides instead."""
    raw, targets = raw_outputs(), [truth(BOX)]
    third = (BOX[0], BOX[1], BOX[0] + (BOX[2] - BOX[0]) / 13, BOX[3])
    predict(raw, third)
    only = Criterion().assignments(raw, targets)[0]
    assert len(only.cells) == 1
    overlap = only.overlaps.item()
    assert overlap == pytest.approx(1 / 13, rel=1e-5)
    loss = Criterion()(raw, targets)["loss_box"].item()
    assert loss == pytest.approx(2 * overlap * (1 - overlap), rel=1e-4)


def test_masks_are_compared_at_the_third_pixel_of_every_four():
    raw, targets = raw_outputs(), truth(BOX)
    others = targets.masks.clone()
    others[:, 2::4, 2::4] = 1 - others[:, 2::4, 2::4]
    sampled = torch.zeros_like(targets.masks)
    sampled[:, 2::4, 2::4] = targets.masks[:, 2::4, 2::4]
    cells = Criterion().assignments(raw, [targets])

    def loss(masks):
        logits = mask_logits(
            raw.mask_features[0],
            flat(raw.kernels)[0].T[cells[0].cells],
            torch.cat([priors((SIDE // s, SIDE // s), s, "cpu", torch.float32) for s in STRIDES])[
                cells[0].cells
            ],
        )
        finer = torch.nn.functional.interpolate(logits[None], scale_factor=2, mode="bilinear")[0]
        return 2 * dice(finer, masks[:, 2::4, 2::4][cells[0].objects]).mean()

    ours = Criterion()(raw, [targets])["loss_mask"]
    torch.testing.assert_close(ours, loss(targets.masks))
    torch.testing.assert_close(ours, loss(sampled))
    assert (ours - loss(others)).abs() > 1e-3


def test_a_region_to_be_ignored_costs_neither_cells_nor_pixels():
    ignore = torch.ones(SIDE, SIDE, dtype=torch.bool)
    raw = raw_outputs()
    seen, plain = (Criterion()(raw, [truth(BOX, ignore=region)]) for region in (ignore, None))
    assert seen["loss_cls"] < plain["loss_cls"]
    assert seen["loss_box"] == plain["loss_box"]
    assert 0 < seen["loss_mask"] < plain["loss_mask"], "the object's own pixels still count"


def test_images_share_one_normaliser():
    """Twice the same image is as dear as once, where overlaps sum up to 1 or more."""
    once, twice = raw_outputs(), raw_outputs(2)
    for raw in (once, twice):
        predict(raw, BOX)
    with torch.no_grad():
        for one, both in zip(tensors(once), tensors(twice), strict=True):
            both.copy_(one.expand_as(both))
    alone = Criterion()(once, [truth(BOX)])
    together = Criterion()(twice, [truth(BOX), truth(BOX)])
    for name, loss in alone.items():
        torch.testing.assert_close(together[name], loss)


def test_gradients_are_those_of_the_losses():
    """A step along a random direction in float64, against the gradient."""
    raw, targets = raw_outputs(2, dtype=torch.float64), [truth(BOX), truth((1, 30, 40, 60))]
    totals = []
    slope = 0
    torch.manual_seed(1)
    ways = [torch.randn_like(tensor) for tensor in tensors(raw)]
    # Soft labels come from the boxes, and no gradient passes through them: boxes stay.
    for way in ways[3:6]:
        way.zero_()
    for gradient, way in zip(gradients(raw, targets), ways, strict=True):
        slope += (gradient * way).sum()
    for step in (-1e-6, 1e-6):
        moved = [(t + step * way).detach() for t, way in zip(tensors(raw), ways, strict=True)]
        shifted = RawOutputs(tuple(moved[:3]), tuple(moved[3:6]), tuple(moved[6:9]), moved[9])
        losses = Criterion()(shifted, targets)
        assert all(loss.dtype == torch.float64 for loss in losses.values())
        totals.append(sum(losses.values()))
    torch.testing.assert_close((totals[1] - totals[0]) / 2e-6, slope, rtol=1e-5, atol=1e-6)
