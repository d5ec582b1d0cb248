"""Training against the original: assignment, losses, gradients, running statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from distill.data import rle
from distill.parity.formula import TRAIN_SIZE, formula_image, train_polygons
from distill.parity.infer import loaded
from distill.parity.table import Row
from distill.rtmdet.criterion import Criterion, Targets
from models.decode.rtmdet_ins import input_spec
from models.nets.rtmdet_ins import RTMDetIns
from models.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from distill.parity.fixture import Fixture
    from distill.rtmdet.assigner import Assignment

IMAGES = 2
_OVERLAP = 1e-3

_SAMPLES = 5
"""A gradient's single value may differ so many times more than its norm.

Our own float32 and float64 differ by up to 2 thousandths in eval mode, and by 5 in train mode
(tiny), of the greatest value: relu of the dynamic convolutions turns at zero.
"""


def check_training(fixture: Fixture) -> Iterator[Row]:
    """Batch norm in eval and in train mode, and an image without objects, row by row.

    Nothing where the fixture was made without training.
    """
    if not fixture.has("train/gt0/boxes"):
        return
    targets = [_targets(fixture, image) for image in range(IMAGES)]
    wrong = [
        (
            rle.decode(rle.from_polygons([polygon.tolist()], TRAIN_SIZE))
            != mask.numpy().astype(np.uint8)
        ).sum()
        for image, each in enumerate(targets)
        for polygon, mask in zip(train_polygons(image), each.masks, strict=True)
    ]
    yield Row("train: ground truth mask pixels", int(sum(wrong)), 0)
    net = RTMDetIns(fixture.size, fixture.classes)
    state = fixture.state_dict("calib", fixture.class_bias("formula"))
    none = Targets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), targets[1].masks[:0])
    for form, training, seen, strict in (
        ("evalbn", False, targets, True),
        ("trainbn", True, targets, False),
        ("emptygt", False, [targets[0], none], True),
    ):
        loaded(net, state).train(training).zero_grad(set_to_none=True)
        yield from _check_step(net, fixture, f"train/{form}", seen, strict=strict)


def _targets(fixture: Fixture, image: int) -> Targets:
    height, width = TRAIN_SIZE
    packed = fixture.array(f"train/gt{image}/masks_packed")
    masks = np.unpackbits(packed, axis=1)[:, : height * width].reshape(-1, height, width)
    return Targets(
        torch.from_numpy(fixture.array(f"train/gt{image}/boxes")),
        torch.from_numpy(fixture.array(f"train/gt{image}/labels")),
        torch.from_numpy(masks),
    )


def _images() -> Tensor:
    """The batch [2, 3, 256, 320], normalised: a formula image, and the same upside down."""
    height, width = TRAIN_SIZE
    spec = input_spec().model_copy(update={"height": height, "width": width})
    first = formula_image(height, width)[..., ::-1]
    return torch.cat(
        [
            torch.from_numpy(preprocess(np.ascontiguousarray(image), spec)[0])
            for image in (first, first[::-1, ::-1])
        ]
    )


def _check_step(
    net: RTMDetIns, fixture: Fixture, form: str, targets: Sequence[Targets], *, strict: bool
) -> Iterator[Row]:
    losses_share, gradients_share = (1e-4, 1e-3) if strict else (1e-3, 1e-2)
    raw = net(_images())
    criterion = Criterion()
    assigned = criterion.assignments(raw, targets)
    yield from _check_assignment(fixture, form, assigned, targets)
    levels = criterion.levels(raw, targets)
    total = levels.classes.sum() + levels.boxes.sum() + levels.masks
    for name, value in (
        ("loss_cls", levels.classes),
        ("loss_bbox", levels.boxes),
        ("loss_mask", levels.masks),
        ("total", total),
    ):
        theirs = fixture.array(f"{form}/{name}")
        yield Row(f"{form}: {name}", _share(value.detach().numpy(), theirs), losses_share)
    total.backward()
    parameters = dict(net.named_parameters())
    gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    count = int(fixture.array(f"{form}/n_params_with_grad"))
    yield Row(f"{form}: parameters with a gradient", abs(len(gradients) - count), 0)
    norms = {name: float(gradient.norm()) for name, gradient in gradients.items()}
    for name in fixture.names(f"{form}/gradnorm/"):
        theirs = fixture.array(f"{form}/gradnorm/{name}")
        yield Row(f"{form}: gradient norm of {name}", _share(norms[name], theirs), gradients_share)
    for name in fixture.names(f"{form}/grad/"):
        error = fixture.reference(f"{form}/grad/{name}").error(gradients[name].numpy())
        yield Row(f"{form}: gradient of {name}", error, _SAMPLES * gradients_share)
    whole = float(np.linalg.norm(list(norms.values())))
    theirs = fixture.array(f"{form}/total_gradnorm")
    yield Row(f"{form}: total gradient norm", _share(whole, theirs), gradients_share)
    state = net.state_dict()
    for name in fixture.names(f"{form}/bnafter/"):
        error = fixture.reference(f"{form}/bnafter/{name}").error(state[name].numpy())
        yield Row(f"{form}: {name} afterwards", error, losses_share)


def _check_assignment(
    fixture: Fixture, form: str, assigned: Sequence[Assignment], targets: Sequence[Targets]
) -> Iterator[Row]:
    overlaps, wrong_labels = [], 0
    wanted_labels = fixture.array(f"{form}/target_labels")
    for image, (each, truth) in enumerate(zip(assigned, targets, strict=True)):
        cells, objects = each.cells.numpy(), each.objects.numpy()
        inds = np.zeros(wanted_labels.shape[1], np.int64)
        labels, background = np.full_like(inds, -1), np.full_like(inds, fixture.classes)
        inds[cells] = objects + 1
        labels[cells] = background[cells] = truth.labels.numpy()[objects]
        prefix = f"{form}/img{image}"
        wrong = (inds != fixture.array(f"{prefix}/assigned_gt_inds")).sum()
        yield Row(f"{prefix}: cells assigned otherwise", int(wrong), 0)
        wrong = (labels != fixture.array(f"{prefix}/assigned_labels")).sum()
        yield Row(f"{prefix}: assigned labels", int(wrong), 0)
        same = np.array_equal(cells, fixture.array(f"{prefix}/pos_inds"))
        yield Row(f"{prefix}: positive cells", int(not same), 0)
        soft = each.overlaps.numpy()
        yield Row(
            f"{prefix}: soft scores",
            _difference(soft, fixture.array(f"{prefix}/pos_soft_score")),
            _OVERLAP,
        )
        overlaps.append(soft)
        wrong_labels += int((background != wanted_labels[image]).sum())
    yield Row(f"{form}: target labels", wrong_labels, 0)
    metrics = np.concatenate(overlaps)
    theirs = fixture.array(f"{form}/target_metrics_nz")
    yield Row(f"{form}: target metrics", _difference(metrics[metrics != 0], theirs), _OVERLAP)


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max(initial=0.0))


def _share(ours: np.ndarray | float, theirs: np.ndarray) -> float:
    """The greatest relative difference; of zero, the absolute one."""
    return float((np.abs(ours - theirs) / np.where(theirs == 0, 1, np.abs(theirs))).max())
