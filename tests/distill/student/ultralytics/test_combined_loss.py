import pytest
import torch
from ultralytics.cfg import get_cfg

from distill.student.ultralytics.combined_loss import CombinedLoss, NotFiniteError
from tests.distill.yolos import build

SIDE = 64


def network(name):
    torch.manual_seed(0)
    model = build(name, ["bottle"]).train()
    model.args = get_cfg()
    return model


@pytest.fixture(scope="module")
def student():
    return network("yolo26n-seg")


@pytest.fixture
def criterion(student):
    return CombinedLoss(student.init_criterion(), student, None, None, lambda _step: 0.0)


def batch(ignored):
    """A bottle shaped like an L; in the corner of its box, and beside it, things that don't count."""
    masks = torch.zeros(1, 16, 16)
    masks[0, 4:12, 2:4] = 1
    masks[0, 10:12, 2:10] = 1
    beside = torch.zeros(1, 16, 16, dtype=torch.bool)
    beside[:, :, 12:] = ignored
    beside[:, :9, 5:10] = ignored
    return {
        "img": torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)),
        "cls": torch.zeros(1, 1),
        "bboxes": torch.tensor([[0.375, 0.5, 0.5, 0.5]]),
        "batch_idx": torch.zeros(1),
        "masks": masks,
        "sem_masks": torch.zeros(1, 16, 16),
        "ignored": beside,
        "im_file": ["a.png"],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolo11n-seg", "yolo26n-seg"])
@pytest.mark.parametrize("ignored", [True, False])
def test_what_is_ignored_teaches_no_pixel_and_no_cell(name, ignored):
    model = network(name)
    criterion = CombinedLoss(model.init_criterion(), model, None, None, lambda _step: 0.0)
    given = batch(ignored)
    preds = model(given["img"])
    branches = [preds["one2many"], preds["one2one"]] if "one2many" in preds else [preds]
    cells = [branch["scores"] for branch in branches]
    proto = branches[0]["proto"]
    pixels = [*proto] if isinstance(proto, tuple) else [proto]
    for tensor in (*pixels, *cells):
        tensor.retain_grad()
    total, _ = criterion(preds, given)
    total.sum().backward()
    for maps in pixels:
        far = slice(3 * maps.shape[-1] // 4, None)
        assert (maps.grad[..., far].abs().max() == 0) == (ignored or maps is pixels[0])
        assert maps.grad.abs().max() > 0
    corner = pixels[0].grad[0, :, 4:9, 5:10]  # in the object's box, where its mask is told
    assert (corner.abs().max() == 0) == ignored
    silent = batch(ignored=True)["ignored"][0, 1::2, 1::2]  # the pixel at a cell's middle
    for scores in cells:
        pull = scores.grad[0, 0, :64].reshape(8, 8)
        # Upwards is where the object is thought to be; nothing is told that it is background.
        assert (pull[silent].max() > 0) == (not ignored)
        assert (pull[~silent] > 0).any()


class Listener:
    """A distillation that remembers what it was shown, and has one loss."""

    def __call__(self, student, teacher, strength):
        self.student, self.teacher, self.strength = student, teacher, strength
        return {"boxes": student.boxes[0].abs().mean() * strength}


class Echo:
    """A teacher that gives back what it is asked about."""

    def dense(self, images):
        return images


@pytest.mark.slow
def test_the_teacher_is_compared_with_what_the_student_said(student):
    losses = Listener()
    criterion = CombinedLoss(
        student.init_criterion(), student, losses, Echo(), lambda step: 0.5 * (step == 0), ["boxes"]
    )
    given = {
        key: torch.cat([value, value]) if isinstance(value, torch.Tensor) else value * 2
        for key, value in batch(ignored=True).items()
    }
    given["batch_idx"] = torch.tensor([0.0, 1.0])
    preds = student(given["img"])
    said = preds["one2many"]["scores"].detach().clone()
    drawn = preds["one2many"]["proto"][0].detach().clone()
    total, _ = criterion(preds, given)
    assert losses.teacher is given["img"]
    assert losses.strength == 0.5
    heard = torch.cat([level.flatten(2) for level in losses.student.class_logits], dim=2)
    assert torch.equal(heard, said), "of the branch with several answers, doubts included"
    mask = losses.student.mask_logits(1, torch.tensor([0]))
    weights = preds["one2many"]["mask_coefficient"][1, :, 0]
    assert torch.allclose(mask[0], torch.einsum("k,khw->hw", weights, drawn[1]), atol=1e-5)
    assert float(total.detach()[-1]) == pytest.approx(2 * criterion.terms["boxes"]), "of two images"
    assert criterion.loss == pytest.approx(float(total.detach().sum()) / 2)
    _, shown = criterion(student(given["img"]), given)
    assert shown["boxes"] == 0, "the table has a column for it in every step"
    assert "boxes" not in criterion.terms


def test_a_loss_of_two_branches_stands_where_it_stood(student):
    """YOLO26 shifts weight from one to the other, epoch by epoch."""
    whole, resumed = (
        CombinedLoss(student.init_criterion(), student, None, None, lambda _step: 0.0)
        for _ in range(2)
    )
    first = whole._task.o2m
    for _ in range(3):
        whole.update()
    resumed.go_to(step=30, epoch=3)
    assert resumed.step == 30
    assert resumed._task.o2m == whole._task.o2m < first
    resumed.go_to(step=0, epoch=0)
    assert resumed._task.o2m == first


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
