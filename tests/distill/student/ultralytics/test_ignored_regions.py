import pytest
import torch
from torch import nn
from torch.nn import functional

from distill.student.ultralytics.ignored_regions import (
    CellLoss,
    ignored_cells,
    masked_out,
    take_out_ignored,
)

STRIDES = (8, 16, 32)


def batch():
    """64 px; image 0: an object left, a region to ignore right and over it; image 1: a region."""
    masks = torch.zeros(2, 16, 16)
    masks[0, :, :8] = 1  # the object
    masks[0, :, 6:] = 2  # to ignore, drawn over it
    masks[1, :8] = 1  # to ignore
    return {
        "img": torch.zeros(2, 3, 64, 64),
        "cls": torch.tensor([[0.0], [1.0], [1.0]]),
        "bboxes": torch.tensor([[0.25, 0.5, 0.5, 1], [0.75, 0.5, 0.5, 1], [0.5, 0.25, 1, 0.5]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
        "masks": masks,
        "sem_masks": torch.where(masks == 2, 1.0, 0.0),
    }


def test_what_is_ignored_is_no_object():
    given = batch()
    take_out_ignored(given, ignored_class=1)
    assert given["cls"].tolist() == [[0.0]]
    assert given["batch_idx"].tolist() == [0.0]
    assert given["masks"][0, 0].tolist() == [1.0] * 6 + [0.0] * 10
    assert not given["masks"][1].any()
    assert given["sem_masks"].max() == 0
    assert given["ignored"][0, 0].tolist() == [False] * 6 + [True] * 10


def test_objects_are_numbered_anew():
    given = batch()
    given["cls"] = torch.tensor([[1.0], [0.0], [0.0]])
    take_out_ignored(given, ignored_class=1)
    assert given["masks"][0, 0].tolist() == [0.0] * 6 + [1.0] * 10
    assert given["masks"][1].max() == 1


def test_nothing_to_ignore_changes_nothing():
    given, before = batch(), batch()
    take_out_ignored(given, ignored_class=7)
    for name, value in before.items():
        assert torch.equal(given[name], value)
    assert not ignored_cells(given, STRIDES).any()


def test_cells_there_are_ignored():
    given = batch()
    take_out_ignored(given, ignored_class=1)
    cells = ignored_cells(given, STRIDES)
    assert cells.shape == (2, 64 + 16 + 4)
    finest = cells[0, :64].reshape(8, 8)
    # Cell 3 has its middle at 28 px: on the region, though in the object's box.
    assert finest[0].tolist() == [False] * 3 + [True] * 5
    assert cells[1, :64].reshape(8, 8).all(dim=1).tolist() == [True] * 4 + [False] * 4
    assert cells[1, 80:].tolist() == [True, True, False, False]


def test_an_ignored_cell_teaches_nothing_unless_it_is_an_objects():
    logits = torch.zeros(1, 4, 2, requires_grad=True)
    targets = torch.zeros(1, 4, 2)
    targets[0, 2:, 0] = 0.7
    loss = CellLoss(nn.BCEWithLogitsLoss(reduction="none"))
    loss.ignored = torch.tensor([[False, True, False, True]])
    found = loss(logits, targets)
    found.sum().backward()
    assert found.shape == targets.shape
    taught = logits.grad[0].abs().amin(dim=1) > 0
    assert taught.tolist() == [True, False, True, True]


@pytest.mark.parametrize("family", ["yolo11", "yolo26"])
def test_ignored_pixels_give_and_learn_nothing(family):
    prototypes, classes = torch.ones(1, 3, 4, 4), torch.zeros(1, 2, 2, 2)
    for maps in (prototypes, classes):
        maps.requires_grad_()
    ignored = torch.zeros(1, 4, 4, dtype=torch.bool)
    ignored[:, :, 2:] = True
    if family == "yolo11":
        masked = masked_out(prototypes, ignored)
    else:
        masked, told = masked_out((prototypes, classes), ignored)
        loss = functional.binary_cross_entropy_with_logits(
            told, torch.zeros_like(told), reduction="none"
        )
        loss.sum().backward()
        assert loss[..., 1].max() < 1e-12
        assert (classes.grad[..., 1] == 0).all()
        assert (classes.grad[..., 0] > 0).all()
    masked.sum().backward()
    assert masked[0, 0, 0].tolist() == [1, 1, 0, 0]
    assert (prototypes.grad[..., 2:] == 0).all()
