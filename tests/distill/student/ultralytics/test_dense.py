"""The student's predictions in training are those that a teacher of the same weights gives."""

import pytest
import torch

from distill.predict.ultralytics import UltralyticsTeacher
from distill.student.ultralytics.dense import dense_of
from tests.distill.yolos import build


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolo11n-seg", "yolo26n-seg"])
def test_student_and_teacher_see_the_same(name, tmp_path):
    model = build(name, ["bottle", "cup"])
    torch.save({"model": model}, tmp_path / "same.pt")
    image = torch.rand(2, 3, 64, 96)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    raw = model(image)
    raw = raw.get("one2many", raw)
    head = model.model[-1]
    strides = tuple(int(stride) for stride in head.stride)
    student = dense_of(raw, strides, torch.arange(head.reg_max).float())
    teacher = UltralyticsTeacher(tmp_path / "same.pt", device="cpu").dense(image)
    assert student.strides == teacher.strides
    assert student.mask_stride == teacher.mask_stride
    for part in ("features", "class_logits", "boxes"):
        for ours, theirs in zip(getattr(student, part), getattr(teacher, part), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    anchors = torch.tensor([0, 5, 100])
    torch.testing.assert_close(
        student.mask_logits(1, anchors), teacher.mask_logits(1, anchors), rtol=1e-4, atol=1e-4
    )
    student.boxes[0].sum().backward(retain_graph=True)
    student.mask_logits(0, anchors).sum().backward()
    assert head.proto.cv1.conv.weight.grad.abs().sum() > 0


def test_half_precision_moves_no_box():
    """At 640 px half a bin of bfloat16 is two pixels."""
    torch.manual_seed(0)
    raw = {
        "feats": [torch.zeros(1, 4, 20, 20)],
        "boxes": 4 * torch.randn(1, 64, 400),
        "scores": torch.zeros(1, 1, 400),
        "mask_coefficient": torch.zeros(1, 32, 400),
        "proto": torch.zeros(1, 32, 160, 160),
    }
    (exact,) = dense_of(raw, (32,), torch.arange(16.0)).boxes
    with torch.autocast("cpu", torch.bfloat16):
        (short,) = dense_of(raw, (32,), torch.arange(16.0)).boxes
    assert torch.equal(short, exact)


@pytest.mark.slow
def test_half_precision_keeps_a_teacher_s_bins_exact(tmp_path):
    model = build("yolov8n-seg", ["bottle"])
    for branch in model.model[-1].cv2:
        torch.nn.init.normal_(branch[-1].bias)  # untrained, all bins would be alike
    torch.save({"model": model}, tmp_path / "teacher.pt")
    teacher = UltralyticsTeacher(tmp_path / "teacher.pt", device="cpu")
    with torch.autocast("cpu", torch.bfloat16):
        coarsest = teacher.dense(torch.rand(1, 3, 96, 96)).boxes[-1]
    middle = torch.arange(3) + 0.5
    sides = middle - coarsest[0, 0] / 32  # of the boxes, to the left, in cells
    rounded = sides.bfloat16().float()
    assert (sides - rounded).abs().max() > 1e-4, "a bin of bfloat16 would be no finer"
