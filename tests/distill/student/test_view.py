"""The student's answers in training are those that a teacher of the same weights gives."""

import pytest
import torch

from distill.student.view import dense_of
from distill.teacher.ultralytics import UltralyticsTeacher
from tests.distill.yolos import build


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
