"""RTMDet-Ins answers as a teacher what the network and the decoder say."""

import copy

import numpy as np
import pytest
import torch

from distill.export import compare
from distill.predict.open import load_teacher
from distill.predict.rtmdet import in_order
from models.decode.rtmdet_ins import RtmdetInsDecoder, input_spec
from models.nets.fusion import fused
from models.preprocess import preprocess

SINGLE = 2e-4  # share of a tensor's greatest value that float32 may cost
SPEC = input_spec(128)


@pytest.fixture(scope="module")
def teacher(seeing_weights):
    return load_teacher(seeing_weights, device="cpu")


def network_outputs(net, image):
    fed, fit = preprocess(image, SPEC)
    with torch.inference_mode():
        return [output.numpy() for output in in_order(net(torch.from_numpy(fed)))], fit


@pytest.mark.slow
def test_predictions_are_those_of_the_plain_network(teacher, seeing_net, pictures):
    """Three images of different shapes at once, against each by itself without folding."""
    together = teacher.predict(pictures, min_score=0.3)
    for image, seen in zip(pictures, together, strict=True):
        outputs, fit = network_outputs(seeing_net, image)
        expected = RtmdetInsDecoder(SPEC, 3).decode(outputs, fit, min_score=0.3)
        assert len(expected) > 5
        rows = list(compare(seen, expected, fit.source, "alone"))
        assert all(row.ok for row in rows), rows
        assert (seen.boxes[:, 2:] <= [image.shape[1], image.shape[0]]).all()


def test_no_images_have_no_answers(teacher):
    assert teacher.predict([], min_score=0.5) == []


def test_the_teacher_says_who_it_is(teacher):
    assert teacher.name == "rtmdet-ins-tiny"
    assert teacher.classes == ("bottle", "can", "cup")
    assert len(teacher.sha256) == 64


@pytest.mark.slow
def test_folding_changes_nothing(seeing_net, pictures):
    """In float64, where rounding can't hide a mistake."""
    net = copy.deepcopy(seeing_net).double()
    x = torch.from_numpy(preprocess(pictures[0], SPEC)[0]).double()
    with torch.inference_mode():
        for ours, reference in zip(in_order(fused(net)(x)), in_order(net(x)), strict=True):
            limit = 1e-11 * reference.abs().max().item()
            torch.testing.assert_close(ours, reference, rtol=0, atol=limit)


@pytest.mark.slow
def test_folding_leaves_the_original_alone(seeing_net):
    before = {key: value.clone() for key, value in seeing_net.state_dict().items()}
    folded = fused(seeing_net)
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert all(parameter.requires_grad for parameter in seeing_net.parameters())
    assert all(torch.equal(seeing_net.state_dict()[key], value) for key, value in before.items())


@pytest.fixture(scope="module")
def batch(pictures):
    """Two images as the distiller gives them, and the same as the network wants them."""
    fed = np.concatenate([preprocess(image, SPEC)[0] for image in pictures[:2]])
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (SPEC.mean, SPEC.std))
    rgb = (fed * std + mean)[:, ::-1] / 255
    return torch.from_numpy(np.ascontiguousarray(rgb)), torch.from_numpy(fed)


def test_dense_answers_are_the_network_s_own(teacher, seeing_net, batch):
    dense = teacher.dense(batch[0])
    with torch.no_grad():
        raw = seeing_net(batch[1])
        maps = seeing_net.backbone(batch[1])
    assert dense.strides == (8, 16, 32)
    assert dense.mask_stride == 8
    for ours, reference in zip(dense.class_logits, raw.class_logits, strict=True):
        torch.testing.assert_close(
            ours, reference, rtol=0, atol=SINGLE * reference.abs().max().item()
        )
    assert [tuple(level.shape) for level in dense.features] == [
        (2, 96, 16, 16),
        (2, 96, 8, 8),
        (2, 96, 4, 4),
    ]
    before = []
    hooks = [
        module.conv.register_forward_hook(lambda *args: before.append(args[2]))
        for module in seeing_net.neck.out_convs
    ]
    with torch.no_grad():
        seeing_net.neck(maps)
    for hook in hooks:
        hook.remove()
    for ours, reference in zip(dense.features, before, strict=True):
        torch.testing.assert_close(
            ours, reference, rtol=0, atol=SINGLE * reference.abs().max().item()
        )


def test_dense_boxes_are_corners_in_input_pixels(teacher, seeing_net, batch):
    dense = teacher.dense(batch[0])
    with torch.no_grad():
        distances = seeing_net(batch[1]).distances
    image, level, y, x = 1, 1, 3, 5
    left, top, right, bottom = distances[level][image, :, y, x]
    expected = torch.stack([x * 16 - left, y * 16 - top, x * 16 + right, y * 16 + bottom])
    torch.testing.assert_close(dense.boxes[level][image, :, y, x], expected, rtol=1e-4, atol=0.02)


def test_dense_masks_are_those_that_the_decoder_draws(teacher, pictures, batch):
    """The anchors of what was detected, found by their scores, give the same mask logits."""
    dense = teacher.dense(batch[0])
    scores = torch.cat([level.flatten(2) for level in dense.class_logits], dim=2).sigmoid()
    for i, image in enumerate(pictures[:2]):
        seen = teacher.predict([image], min_score=0.3)[0]
        gap = (scores[i, seen.classes[0]] - float(seen.scores[0])).abs()
        boxes = torch.cat([level[i].flatten(1) for level in dense.boxes], dim=1).T
        logits = dense.mask_logits(i, gap.argsort()[:1])
        assert logits.shape == (1, 16, 16)
        assert gap.min() < 5e-4
        assert boxes.shape == (16 * 16 + 8 * 8 + 4 * 4, 4)
        several = dense.mask_logits(i, torch.tensor([3, 300, 330]))
        torch.testing.assert_close(several[1], dense.mask_logits(i, torch.tensor([300]))[0])


def test_a_loss_may_be_computed_with_dense_answers(teacher, batch):
    """Tensors of inference mode could not be kept for the gradient."""
    dense = teacher.dense(batch[0])
    student = torch.zeros_like(dense.features[0], requires_grad=True)
    (student * dense.features[0]).sum().backward()
    assert torch.equal(student.grad, dense.features[0])
    assert not dense.features[0].requires_grad
    weight = torch.ones((), requires_grad=True)
    (weight * dense.mask_logits(0, torch.tensor([1]))).sum().backward()
    assert torch.isfinite(weight.grad)
