"""Which nodes stay in float is found from the ends of a network, whatever they are called."""

import onnx
import pytest
from onnx import numpy_helper

from distill.quantize.graph import read_model
from distill.quantize.tail import float_stem, float_tail
from tests.distill.quantize.small import TAIL, small


def test_the_tail_of_raw_heads_is_their_last_convolutions():
    assert float_tail(small()) == TAIL


def test_the_tail_of_one_output_only():
    assert float_tail(small(), ["scores"]) == {"scores"}
    assert float_tail(small(), ["prototypes"]) == {"drawn", "drawn_gate", "prototypes"}


def test_the_tail_of_decoded_boxes_goes_through_the_mean_of_their_distribution():
    """And not through the class convolution, which has one output channel, too."""
    steps = {"flat", "turned", "shares", "sides", "decoded", "listed", "sure", "output0"}
    assert float_tail(small(dense=True)) == (TAIL - {"coefficients"}) | steps


def test_nodes_without_names_get_the_same_ones_each_time():
    model = onnx.load_from_string(small())
    for node in model.graph.node:
        node.name = "" if node.op_type == "Conv" else "twice"
    data = model.SerializeToString()
    names = {node.output[0]: node.name for node in read_model(data).graph.node}
    assert len(set(names.values())) == len(names)
    assert float_tail(data) == {names[output] for output in TAIL}


def test_the_stem_ends_before_the_third_convolution():
    assert float_stem(small()) == {"stem", "stem_gate", "lit", "second", "second_gate", "seen"}


@pytest.mark.parametrize("as_node", [False, True])
def test_constants_are_found_wherever_they_are(as_node):
    model = onnx.load_from_string(small())
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w5")
    if as_node:
        node = onnx.helper.make_node("Constant", [], ["w5"], value=weight)
        model.graph.initializer.remove(weight)
        model.graph.node.insert(0, node)
    read = read_model(model.SerializeToString()).graph
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in read.initializer}
    assert found["w5"].shape == (1, 16, 1, 1)
    assert "Constant" not in {node.op_type for node in read.node}
