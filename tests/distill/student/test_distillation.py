from dataclasses import replace

import pytest
import torch

from distill.errors import UsageError
from distill.predict.predictor import Dense
from distill.student.config import TERMS
from distill.student.distillation import Distillation

SIDE, STRIDES = 64, (8, 16, 32)
OBJECT = (12.0, 8.0, 44.0, 52.0)  # x0 y0 x1 y1
ON, OFF = (dict.fromkeys(TERMS, weight) for weight in (1, 0))


class World:
    """A network's predictions for a batch that shows one object, each tensor at hand."""

    def __init__(self, *, seed, channels=4, classes=1, own=0, mask_stride=4, batch=2, grad=False):
        torch.manual_seed(seed)
        self.leaves = []
        features, logits, boxes = [], [], []
        for stride in STRIDES:
            n = SIDE // stride
            features.append(self._leaf(torch.randn(1, channels, n, n), batch, grad))
            y, x = torch.meshgrid(*[(torch.arange(n) + 0.5) * stride] * 2, indexing="ij")
            near = ((x - 28).abs() < 16) & ((y - 30).abs() < 22)
            scores = torch.full((1, classes, n, n), -5.0) + 0.2 * torch.randn(1, classes, n, n)
            scores[0, own] += 7 * near
            logits.append(self._leaf(scores, batch, grad))
            drawn = torch.tensor(OBJECT)[:, None, None].expand(4, n, n) + torch.randn(4, n, n)
            boxes.append(self._leaf(drawn[None].contiguous(), batch, grad))
        self.anchors = sum((SIDE // stride) ** 2 for stride in STRIDES)
        n = SIDE // mask_stride
        mask = torch.randn(1, 1, n, n).repeat(1, self.anchors, 1, 1)  # all see the one object
        self.masks = self._leaf(mask, batch, grad)
        self.drawn = 0
        self.dense = Dense(
            STRIDES, tuple(features), tuple(logits), tuple(boxes), mask_stride, self._draw
        )

    def _leaf(self, values, batch, grad):
        values = values.repeat(batch, 1, 1, 1).requires_grad_(grad)
        self.leaves.append(values)
        return values

    def _draw(self, image, anchors):
        self.drawn += 1
        return self.masks[image, anchors]


def student(**changes):
    return World(**{"seed": 1, "grad": True} | changes)


def teacher(**changes):
    return World(**{"seed": 2, "channels": 5, "classes": 3, "own": 2, "mask_stride": 8} | changes)


def distillation(weights=ON, classes=(2,), channels=(4, 5)):
    torch.manual_seed(0)
    ours, theirs = channels
    return Distillation(weights, [ours] * 3, [theirs] * 3, classes)


def test_all_terms_are_named_scalars_and_reach_the_student_alone():
    ours, theirs = student(), teacher(grad=True)
    terms = distillation()(ours.dense, theirs.dense)
    assert tuple(terms) == TERMS
    assert all(term.shape == () and term > 0 for term in terms.values())
    sum(terms.values()).backward()
    assert all(leaf.grad is not None and leaf.grad.abs().sum() > 0 for leaf in ours.leaves)
    assert all(leaf.grad is None for leaf in theirs.leaves)


def test_a_student_that_equals_its_teacher_has_nothing_to_learn():
    module = distillation(classes=(0, 1, 2), channels=(5, 5))
    for projector in module.feature.projectors:
        torch.nn.init.dirac_(projector.weight)
    ours, theirs = teacher(grad=True), teacher()
    terms = module(ours.dense, theirs.dense)
    assert tuple(terms) == TERMS
    assert ours.drawn, "masks were compared"
    for name, term in terms.items():
        assert term.item() == pytest.approx(0, abs=1e-6), name
    (terms["feature"] + terms["class_maps"] + terms["masks"]).backward()
    grads = [leaf.grad for leaf in ours.leaves if leaf.grad is not None]
    assert max(grad.abs().max() for grad in grads) < 1e-6


@pytest.mark.parametrize("name", TERMS)
def test_each_term_stands_alone_and_is_multiplied_by_its_weight(name):
    ours, theirs = student().dense, teacher().dense
    whole = distillation()(ours, theirs)[name]
    alone = distillation(OFF | {name: 2.5})(ours, theirs, scale=0.5)
    assert list(alone) == [name]
    torch.testing.assert_close(alone[name], 1.25 * whole)


class NeverError(AssertionError):
    """Something was computed that is off."""


class Forbidden(tuple):
    """Levels that can be counted but not looked at."""

    __slots__ = ()

    def __iter__(self):
        raise NeverError


def never(*_):
    raise NeverError


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("feature", {"features"}),
        ("class_maps", {"boxes"}),  # no more than put in a row with the others
        ("boxes", {"boxes"}),
        ("masks", {"boxes", "mask_logits"}),
    ],
)
def test_a_weight_of_zero_never_computes(name, read):
    ours, theirs = student().dense, teacher().dense
    module = distillation(OFF | {name: 1})
    for part in ("features", "boxes", "mask_logits"):
        closed = never if part == "mask_logits" else Forbidden(getattr(ours, part))
        if part in read:
            with pytest.raises(NeverError):
                module(replace(ours, **{part: closed}), theirs)
        else:
            assert list(module(replace(ours, **{part: closed}), theirs)) == [name]


def test_projectors_exist_where_features_are_distilled():
    assert not list(distillation(ON | {"feature": 0}).parameters())
    names = [name for name, _ in distillation().named_parameters()]
    assert names == [f"feature.projectors.{i}.weight" for i in range(3)]
    assert names == [*distillation().state_dict()]


def test_scale_zero_computes_nothing():
    unseen = replace(student().dense, features=Forbidden(), boxes=Forbidden(), mask_logits=never)
    assert distillation()(unseen, teacher().dense, scale=0) == {}


def test_classes_are_picked_by_the_teachers_ids():
    ours, theirs = student(classes=2, own=1), teacher()
    right = distillation(classes=(0, 2))(ours.dense, theirs.dense)
    wrong = distillation(classes=(2, 0))(ours.dense, theirs.dense)
    assert right["class_maps"] < 0.2 * wrong["class_maps"]
    before = theirs.drawn
    assert distillation(classes=(0, 1))(ours.dense, theirs.dense)["masks"].item() == 0
    assert theirs.drawn == before, "the object is of a class that the student does not have"


def test_a_larger_batch_is_no_louder():
    two, six = (
        distillation()(student(batch=n).dense, teacher(batch=n).dense) for n in (2, 6)
    )  # of the same image
    for name, term in two.items():
        torch.testing.assert_close(six[name], term, msg=name)


def test_nothing_seen_leaves_features_and_class_maps():
    ours, theirs = student(), teacher()
    dark = replace(theirs.dense, class_logits=tuple(x - 12 for x in theirs.dense.class_logits))
    terms = distillation()(ours.dense, dark)
    assert tuple(terms) == TERMS
    assert terms["boxes"].item() == terms["masks"].item() == 0
    assert theirs.drawn == ours.drawn == 0
    sum(terms.values()).backward()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in ours.leaves)


def test_an_object_that_the_student_misses_is_passed_over():
    """The teacher is surer of the one in cell 0; all of the student's cells see the other."""
    missed, found = torch.tensor([0.0, 0, 7, 7]), torch.tensor([8.0, 8, 16, 16])
    masks = torch.tensor([-9.0, 9, 0, 0])[:, None, None].expand(4, 4, 4)

    def dense(boxes, scores, drawn):
        levels = torch.stack(boxes, dim=1).view(1, 4, 2, 2), torch.tensor(scores).view(1, 1, 2, 2)
        return Dense((8,), (), (levels[1],), (levels[0],), 4, lambda _, cells: drawn[cells])

    theirs = dense([missed, found, found, found], [4.0, 3, -9, -9], masks)
    module = distillation(OFF | {"masks": 1}, classes=(0,))
    right = dense([found] * 4, [0.0] * 4, torch.full((4, 4, 4), 9.0))
    wrong = dense([found] * 4, [0.0] * 4, torch.full((4, 4, 4), -9.0))
    assert module(right, theirs)["masks"].item() == 0
    assert module(wrong, theirs)["masks"] > 9


def test_other_cells_are_refused_in_one_line():
    ours, theirs = student().dense, teacher().dense
    coarse = replace(theirs, strides=(16, 32, 64))
    with pytest.raises(UsageError, match=r"^the teacher has cells of 16, 32, 64 px, .*8, 16, 32"):
        distillation()(ours, coarse)
    cut = replace(theirs, class_logits=tuple(x[..., 1:] for x in theirs.class_logits))
    with pytest.raises(UsageError, match=r"^the teacher's class maps are 7x8, 3x4, 1x2 cells, "):
        distillation()(ours, cut)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_comes_near_the_exact_terms(dtype):
    ours, theirs = student().dense, teacher().dense
    exact = distillation()(ours, theirs)

    def halved(dense):
        def draw(image, anchors):
            return dense.mask_logits(image, anchors).to(dtype)

        parts = {
            name: tuple(level.to(dtype) for level in getattr(dense, name))
            for name in ("features", "class_logits")
        }
        return replace(dense, mask_logits=draw, **parts)

    with torch.autocast("cpu", dtype):
        terms = distillation()(halved(ours), halved(theirs))
    for name, term in terms.items():
        assert term.dtype == torch.float32
        assert term.item() == pytest.approx(exact[name].item(), rel=0.05), name
