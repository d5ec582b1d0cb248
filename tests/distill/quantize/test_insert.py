"""Two files of eight bits from one set of ranges: what is in them, and that they compute the same."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from distill.pack.tensorrt_rules import findings
from distill.quantize.insert import quantised
from distill.quantize.ranges import collect_ranges
from models.errors import ModelError
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.quantize.small import TAIL, fed, nodes_of, small, weights_of
from tests.distill.quantize.unsigned import as_unsigned

ROLES = ("int8", "uint8")
VARYING = (2, 3)


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def ranges(model):
    return collect_ranges(model, [fed(seed) for seed in range(8)])


@pytest.fixture(scope="module")
def files(model, ranges):
    return {role: quantised(model, ranges, role) for role in ROLES}


def run(model, batch):
    return OnnxRuntimeNetwork(model).run(batch)


def test_int8_and_uint8_around_128_are_the_same_arithmetic(files):
    batch = fed(100)
    for ours, theirs in zip(
        run(files["int8"], batch), run(as_unsigned(files["int8"]), batch), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(ours).max())


def test_both_files_have_the_same_ranges(files, ranges):
    """What the wider side of a range needs in 127 codes, and the whole of it in 255."""
    signed, unsigned = (weights_of(files[role]) for role in ROLES)
    bounds = ranges["added"]
    widest = max(-bounds.low, bounds.high)
    assert signed["added_scale"] == pytest.approx(widest / 127, rel=1e-2)
    assert unsigned["added_scale"] == pytest.approx((bounds.high - bounds.low) / 255, rel=1e-2)
    for name in ("w2", "w3"):
        assert signed[f"{name}_quantized"].tolist() == unsigned[f"{name}_quantized"].tolist()


def test_int8_is_what_tensorrt_s_parser_takes(files):
    assert not findings(files["int8"], varying=VARYING)
    proto = onnx.load_from_string(files["int8"])
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", 18)]
    pairs = [n for n in proto.graph.node if n.op_type in {"QuantizeLinear", "DequantizeLinear"}]
    fixed = {tensor.name: tensor for tensor in proto.graph.initializer}
    assert len(pairs) > 8
    for node in pairs:
        assert fixed[node.input[2]].data_type == TensorProto.INT8
        assert not numpy_helper.to_array(fixed[node.input[2]]).any()


def test_int8_quantises_what_convolutions_read_and_no_more(files):
    proto = onnx.load_from_string(files["int8"])
    readers = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    given = [n.output[0] for n in proto.graph.node if n.op_type == "DequantizeLinear"]
    assert {f"{name}_DequantizeLinear_Output" for name in ("images", "seen", "added")} <= set(given)
    assert all("Conv" in readers[name] for name in given)


@pytest.mark.parametrize("role", ROLES)
def test_the_tail_is_in_float(files, role):
    weights, nodes = weights_of(files[role]), nodes_of(files[role])
    for name in ("w4", "w5", "w6", "w7"):
        assert weights[name].dtype == np.float32
    for name in ("b4", "b5", "b7"):
        assert weights[name].dtype == np.float32
    made = {output: node for node in nodes.values() for output in node.output}
    assert all(made[output].op_type in {"Conv", "Mul"} for output in TAIL - {"drawn", "drawn_gate"})


def test_weights_have_a_scale_for_each_output_channel(files):
    for role in ROLES:
        weights = weights_of(files[role])
        assert weights["w2_quantized"].dtype == np.int8
        assert weights["w2_scale"].shape == (16,)
        assert not weights["w2_zero_point"].any()
        assert weights["b2"].dtype == np.float32


def test_uint8_quantises_what_lies_between_convolutions_too(files):
    proto = onnx.load_from_string(files["uint8"])
    coded = {n.input[0] for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    assert {"one", "one_gate", "two", "left", "pooled", "both", "added", "grown"} <= coded
    zeros = {n.input[2] for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    weights = weights_of(files["uint8"])
    assert {weights[name].dtype for name in zeros} == {np.dtype(np.uint8)}
    assert weights["two_zero_point"] > 0  # SiLU goes below zero
    assert weights["one_gate_zero_point"] == 0
    for name in ("w1", "w0"):  # the stem
        assert weights[name].dtype == np.float32
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", 18)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [(64, 96), (96, 64), (32, 32)])
def test_at_every_size_it_computes_what_the_network_does(model, files, role, size):
    batch = fed(50, *size)
    for eight, full in zip(run(files[role], batch), run(model, batch), strict=True):
        assert eight.shape == full.shape
        assert np.abs(eight - full).mean() < 0.1 * full.std()
        assert np.abs(eight - full).max() > 0  # something was rounded


def test_nodes_that_are_to_stay_in_float_do(model, ranges):
    every = frozenset(nodes_of(model))
    untouched = nodes_of(quantised(model, ranges, "uint8", floats=every))
    assert not {"QuantizeLinear", "DequantizeLinear"} & {n.op_type for n in untouched.values()}
    one = quantised(model, ranges, "uint8", floats=every - {"one"})
    assert weights_of(one)["w2_quantized"].dtype == np.int8
    assert weights_of(one)["w3"].dtype == np.float32


def test_a_tail_in_eight_bits_on_purpose(model, ranges):
    weights = weights_of(quantised(model, ranges, "uint8", floats=frozenset()))
    assert weights["w5_quantized"].dtype == np.int8


def test_ranges_of_another_network_are_refused(model, ranges):
    fewer = {name: each for name, each in ranges.items() if name != "both"}
    with pytest.raises(ModelError, match="no range is known of the tensor 'both'"):
        quantised(model, fewer, "uint8")


def test_a_file_is_made_the_same_each_time_and_says_what_the_network_said(model, ranges):
    proto = onnx.load_from_string(model)
    proto.metadata_props.add(key="names", value="['bottle']")
    told = proto.SerializeToString()
    for role in ROLES:
        made = quantised(told, ranges, role)
        assert made == quantised(told, ranges, role)
        notes = onnx.load_from_string(made).metadata_props
        assert [(each.key, each.value) for each in notes] == [("names", "['bottle']")]
        onnx.checker.check_model(onnx.load_from_string(made))
