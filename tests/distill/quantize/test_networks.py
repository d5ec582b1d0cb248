"""Quantising our own exports: YOLOv8, YOLO11, YOLO26 and RTMDet-Ins, at more than one size."""

import numpy as np
import onnx
import pytest
import torch

from distill.pack.student import read_student
from distill.pack.tensorrt_rules import findings
from distill.quantize.bias import corrected
from distill.quantize.half_compute import half_computed
from distill.quantize.insert import quantised
from distill.quantize.ranges import collect_ranges
from distill.quantize.tail import float_stem, float_tail
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.conftest import picture
from tests.distill.lively import lively
from tests.distill.quantize.small import nodes_of
from tests.distill.quantize.unsigned import as_unsigned

pytestmark = pytest.mark.slow  # an export takes seconds

SIZES = ((128, 96), (96, 160))
CONVOLUTIONS = 10
"""That a tail has: three levels of boxes, classes and coefficients, and the prototypes' last."""


@pytest.fixture(scope="module", params=["yolov8n-seg", "yolo11n-seg", "yolo26n-seg", "rtmdet"])
def exported(request, tmp_path_factory):
    """A student and its file in FP32."""
    if request.param == "rtmdet":
        path = request.getfixturevalue("seeing_weights")
    else:
        path = tmp_path_factory.mktemp("networks") / f"{request.param}.pt"
        torch.save({"model": lively(request.param)}, path)
    student = read_student(path, SIZES)
    return student, student.to_onnx(dynamic=False)


@pytest.fixture(scope="module")
def batches(exported):
    """A picture at each size."""
    student, _ = exported
    width, height = student.others[0]
    other = student.spec.model_copy(update={"width": width, "height": height})
    specs = (student.spec, other)
    return [preprocess(picture(seed), spec)[0] for spec in specs for seed in range(2)]


@pytest.fixture(scope="module")
def made(exported, batches):
    """All that quantising makes of it."""
    student, model = exported
    ranges = collect_ranges(model, batches)
    scores = [name for name in student.outputs if name.startswith(("classes_", "cls"))]
    eight = {role: quantised(model, ranges, role) for role in ("int8", "uint8")}
    eight = {role: corrected(data, model, batches, scores) for role, data in eight.items()}
    return {"fp16": half_computed(model), **eight}


def test_the_tail_is_the_last_convolutions_and_what_follows(exported):
    _, model = exported
    nodes, tail = nodes_of(model), float_tail(model)
    kinds = [nodes[name].op_type for name in tail]
    assert kinds.count("Conv") == CONVOLUTIONS
    assert set(kinds) <= {"Conv", "Sigmoid", "Mul", "Relu"}
    assert [nodes[name].op_type for name in float_stem(model)].count("Conv") == 2


def test_files_are_as_small_as_they_should_be(exported, made):
    _, model = exported
    for role in ("int8", "uint8"):
        assert len(made[role]) <= 0.35 * len(model), role
    assert len(made["fp16"]) <= 0.55 * len(model)


def test_tensorrt_s_rules_are_kept(made):
    for role in ("int8", "fp16"):
        assert not findings(made[role], varying=(2, 3)), role


def test_they_run_at_every_size(exported, batches, made):
    student, model = exported
    full = OnnxRuntimeNetwork(model, outputs=student.outputs)
    for data in made.values():
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
        network = OnnxRuntimeNetwork(data, outputs=student.outputs)
        for batch in batches:
            for ours, theirs in zip(network.run(batch), full.run(batch), strict=True):
                assert ours.shape == theirs.shape
                assert ours.dtype == np.float32
                assert np.isfinite(ours).all()


def test_int8_and_uint8_around_128_are_the_same_arithmetic(exported, batches, made):
    student, _ = exported
    both = [
        OnnxRuntimeNetwork(data, outputs=student.outputs).run(batches[0])
        for data in (made["int8"], as_unsigned(made["int8"]))
    ]
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(ours).max())
