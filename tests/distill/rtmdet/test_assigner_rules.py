"""Assignment against its rules, written out cell by cell and object by object."""

import numpy as np
import pytest
import torch

from distill.rtmdet.assigner import assign
from models.nets.priors import priors
from models.nets.sizes import STRIDES

SIDE = 64
GRID = torch.cat([priors((SIDE // s, SIDE // s), s, "cpu", torch.float64) for s in STRIDES])
CLASSES = 3


def filled(boxes):
    """Rectangles as masks [G, 64, 64]."""
    masks = np.zeros((len(boxes), SIDE, SIDE), np.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes.astype(int), strict=True):
        mask[y0:y1, x0:x1] = 1
    return masks


def written_out(logits, predicted, grid, boxes, labels, masks):
    """{cell: (object, IoU)}, without a tensor in sight."""

    def inside(prior, box):
        return box[0] < prior[0] < box[2] and box[1] < prior[1] < box[3]

    def iou(one, other):
        low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
        shared = np.prod(np.maximum(high - low, 0))
        area = sum(np.prod(box[2:] - box[:2]) for box in (one, other)) - shared
        return shared / max(area, 1e-6)

    def price(cell, number):
        overlap = iou(predicted[cell], boxes[number])
        wanted = np.zeros(logits.shape[1])
        wanted[labels[number]] = overlap
        score = 1 / (1 + np.exp(-logits[cell]))
        entropy = -(wanted * np.log(score) + (1 - wanted) * np.log(1 - score))
        rows, columns = np.nonzero(masks[number])
        away = np.hypot(grid[cell][0] - columns.mean(), grid[cell][1] - rows.mean())
        return (
            (entropy * (wanted - score) ** 2).sum()
            - 3 * np.log(overlap + 1e-7)
            + 10 ** (away / grid[cell][2] - 3)
        )

    valid = [c for c in range(len(grid)) if any(inside(grid[c], box) for box in boxes)]
    costs = {c: [price(c, n) for n in range(len(boxes))] for c in valid}
    claims = {}
    for number, box in enumerate(boxes):
        best = sorted((iou(predicted[c], box) for c in valid), reverse=True)[:13]
        count = max(int(sum(best)), 1)
        for cell in sorted(valid, key=lambda c, n=number: costs[c][n])[:count]:
            claims.setdefault(cell, []).append(number)
    owners = {
        cell: by[0] if len(by) == 1 else int(np.argmin(costs[cell])) for cell, by in claims.items()
    }
    return {c: (n, iou(predicted[c], boxes[n])) for c, n in sorted(owners.items())}


@pytest.mark.parametrize("seed", range(6))
def test_assignment_follows_the_rules_written_out(seed):
    rng = np.random.default_rng(seed)
    grid = GRID.numpy()
    low = rng.uniform(0, 20, (4, 2))
    boxes = np.concatenate([low, low + rng.uniform(24, 44, (4, 2))], axis=1)
    masks = filled(boxes) & rng.integers(0, 2, (4, SIDE, SIDE), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, 4)
    near = boxes[rng.integers(0, 4, len(grid))]  # some fit well, so that cells are contested
    predicted = near + rng.normal(0, 3, near.shape)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 1)
    logits = rng.normal(-1, 1.5, (len(grid), CLASSES))
    expected = written_out(logits, predicted, grid, boxes, labels, masks)
    values = (logits, predicted, grid, boxes, labels, masks)
    found = assign(*(torch.from_numpy(value) for value in values))
    assert found.cells.tolist() == list(expected)
    assert found.objects.tolist() == [number for number, _ in expected.values()]
    assert found.overlaps.tolist() == pytest.approx([share for _, share in expected.values()])
    assert len(expected) > 8
    assert len({number for number, _ in expected.values()}) > 1


def test_a_cell_that_misses_is_dearer_than_one_that_overlaps_a_ten_thousandth():
    """-3 ln 1e-7 is 48: more than any other cost here, and 21 more than what 1e-4 costs."""
    box = np.array([[1.0, 1, 63, 63]])
    grid = GRID[: (SIDE // 8) ** 2]
    predicted = torch.zeros(len(grid), 4, dtype=torch.float64)
    aside = 2 * (SIDE // 8) + 1  # at 8, 16: three and a half strides from the centre
    predicted[aside] = torch.tensor([30, 30, 30.62, 30.62])
    found = assign(
        torch.zeros(len(grid), CLASSES, dtype=torch.float64),
        predicted,
        grid,
        torch.from_numpy(box),
        torch.tensor([0]),
        torch.from_numpy(filled(box)),
    )
    assert found.cells.tolist() == [aside]
    assert found.overlaps.item() == pytest.approx(1e-4, rel=1e-3)
