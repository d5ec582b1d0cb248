import pytest
import torch
from ultralytics.cfg import get_cfg

from distill.student.criterion import Criterion, NotFiniteError
from tests.distill.yolos import build

SIDE = 64


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    model = build("yolo26n-seg", ["bottle"]).train()
    model.args = get_cfg()
    return model


@pytest.fixture
def criterion(student):
    return Criterion(student.init_criterion(), student, None, None, lambda _step: 0.0)


def batch(ignored):
    """An object in the middle; its right half of the picture counts, or doesn't."""
    masks = torch.zeros(1, 16, 16)
    masks[0, 4:12, 2:6] = 1
    beside = torch.zeros(1, 16, 16, dtype=torch.bool)
    beside[:, :, 8:] = ignored
    return {
        "img": torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)),
        "cls": torch.zeros(1, 1),
        "bboxes": torch.tensor([[0.25, 0.5, 0.25, 0.5]]),
        "batch_idx": torch.zeros(1),
        "masks": masks,
        "sem_masks": torch.zeros(1, 16, 16),
        "ignored": beside,
        "im_file": ["a.png"],
    }


@pytest.mark.parametrize("ignored", [True, False])
def test_what_is_ignored_teaches_no_pixel_and_no_cell(student, criterion, ignored):
    given = batch(ignored)
    preds = student(given["img"])
    pixels = preds["one2many"]["proto"][1]
    cells = [preds[name]["scores"] for name in ("one2many", "one2one")]
    for tensor in (pixels, *cells):
        tensor.retain_grad()
    total, _ = criterion(preds, given)
    total.sum().backward()
    assert (pixels.grad[..., 4:].abs().max() == 0) == ignored
    assert pixels.grad[..., :4].abs().max() > 0
    for scores in cells:
        finest = scores.grad[0, 0, :64].reshape(8, 8)
        assert (finest[:, 4:].abs().max() == 0) == ignored
        assert finest[:, :4].abs().max() > 0


def test_what_is_not_finite_is_told_with_its_images(student, criterion):
    given = batch(ignored=False)
    preds = student(given["img"])
    preds["one2many"]["scores"] = preds["one2many"]["scores"] * float("nan")
    with pytest.raises(NotFiniteError) as caught:
        criterion(preds, given)
    assert caught.value.images == ["a.png"]
    assert criterion.step == 0


def test_the_loss_is_that_of_an_image(student, criterion):
    given = batch(ignored=False)
    total, _ = criterion(student(given["img"]), given)
    assert criterion.loss == pytest.approx(float(total.detach().sum()))
    assert criterion.step == 1
