"""A network that computes in float16 gives what it gave, in the types that it gave."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, shape_inference

from distill.quantize.half_compute import half_computed
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.quantize.small import TAIL, fed, nodes_of, small, weights_of


@pytest.fixture(scope="module")
def half():
    return half_computed(small())


def types_of(model):
    """The element type of every tensor, as strict inference has it."""
    proto = shape_inference.infer_shapes(onnx.load_from_string(model), strict_mode=True)
    graph = proto.graph
    values = [*graph.input, *graph.value_info, *graph.output]
    return {value.name: value.type.tensor_type.elem_type for value in values}


def test_everything_but_tail_and_ends_is_float16(half):
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
    types = types_of(half)
    assert types["images"] == TensorProto.FLOAT
    for name in ("stem", "two", "left", "pooled", "both", "grown", "four"):
        assert types[name] == TensorProto.FLOAT16, name
    for name in TAIL:
        assert types[name] == TensorProto.FLOAT, name
    weights = weights_of(half)
    assert {weights[f"w{i}.half"].dtype for i in (1, 2, 3)} == {np.dtype(np.float16)}
    assert {weights[f"w{i}"].dtype for i in (4, 5, 6, 7)} == {np.dtype(np.float32)}
    assert weights["scales"].dtype == np.float32  # of Resize, whose type is its own


def test_each_tensor_is_cast_once(half):
    casts = [node.input[0] for node in nodes_of(half).values() if node.op_type == "Cast"]
    assert sorted(casts) == ["four", "grown", "images"]


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (32, 32)])
@pytest.mark.parametrize("dense", [False, True])
def test_it_computes_what_the_network_does(size, dense):
    model, batch = small(dense=dense), fed(3, *size)
    ours = OnnxRuntimeNetwork(half_computed(model)).run(batch)
    theirs = OnnxRuntimeNetwork(model).run(batch)
    for halved, full in zip(ours, theirs, strict=True):
        assert halved.dtype == np.float32
        np.testing.assert_allclose(halved, full, atol=5e-3 * np.abs(full).max())
        assert np.abs(halved - full).max() > 0  # something was rounded


def test_outputs_that_are_made_in_float16_are_given_in_float32():
    """And read on in float16, and in float32, where they are read within."""
    model = small()
    made = half_computed(model, floats={"coefficients", "scores"})
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    types = types_of(made)
    assert types["boxes.half"] == TensorProto.FLOAT16
    assert types["boxes"] == types["prototypes"] == TensorProto.FLOAT
    for halved, full in zip(
        OnnxRuntimeNetwork(made).run(fed(3)), OnnxRuntimeNetwork(model).run(fed(3)), strict=True
    ):
        np.testing.assert_allclose(halved, full, atol=5e-3 * np.abs(full).max())
    inside = half_computed(small(dense=True), floats=())  # reads its output `boxes` on
    onnx.checker.check_model(onnx.load_from_string(inside), full_check=True)


def test_an_output_that_is_read_within():
    proto = onnx.load_from_string(small())
    for name in ("two", "four"):
        shape = [1, 16, "y", "x"]
        value = onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        proto.graph.output.append(value)
    model = proto.SerializeToString()
    made = half_computed(model, floats=TAIL)
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    for halved, full in zip(
        OnnxRuntimeNetwork(made).run(fed(3)), OnnxRuntimeNetwork(model).run(fed(3)), strict=True
    ):
        np.testing.assert_allclose(halved, full, atol=5e-3 * np.abs(full).max())
    casts = [node.input[0] for node in nodes_of(made).values() if node.op_type == "Cast"]
    assert sorted(casts) == ["four.half", "grown", "images", "two.half"]


def test_a_weight_that_float16_can_t_hold_stays_as_it_is():
    proto = onnx.load_from_string(small())
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "b3")
    values = numpy_helper.to_array(weight).copy()
    values[0] = 1e6
    weight.CopyFrom(numpy_helper.from_array(values, "b3"))
    model = proto.SerializeToString()
    made = half_computed(model)
    assert types_of(made)["three"] == TensorProto.FLOAT
    assert weights_of(made)["b3"].max() == 1e6
    assert weights_of(made)["w2.half"].dtype == np.float16
