"""Class logits that came out too low in the mean come out right."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from distill.quantize.bias import corrected, shifts, with_shifts
from models.errors import ModelError
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.quantize.small import fed, small, weights_of

BATCHES = [fed(seed) for seed in range(4)]


def with_weights(model, **changes):
    """The same network, with other weights."""
    proto = onnx.load_from_string(model)
    for tensor in proto.graph.initializer:
        if tensor.name in changes:
            values = np.asarray(changes[tensor.name], np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return proto.SerializeToString()


@pytest.fixture(scope="module")
def reference():
    """Scores above 0.15 in some cells, and below in others."""
    return with_weights(small(), b5=[-1.0])


@pytest.fixture(scope="module")
def low(reference):
    """As eight bits might have it: scores lower throughout."""
    return with_weights(reference, b5=weights_of(reference)["b5"] - 0.3)


def outputs(model):
    return OnnxRuntimeNetwork(model).run(fed(9))


def test_a_shift_is_found_and_taken_back(reference, low):
    assert shifts(low, reference, BATCHES, ["scores"]) == {"scores": pytest.approx(0.3, abs=1e-5)}
    for ours, theirs in zip(
        outputs(corrected(low, reference, BATCHES, ["scores"])), outputs(reference), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_only_cells_that_score_count(reference):
    """What is wrong where nothing is counts for nothing."""
    wrong = with_weights(reference, w5=weights_of(reference)["w5"] * 0.8)
    least = np.log(0.15 / 0.85)
    network, broken = OnnxRuntimeNetwork(reference), OnnxRuntimeNetwork(wrong)
    pairs = [(network.run(batch)[1], broken.run(batch)[1]) for batch in BATCHES]
    right, seen = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    scoring = right > least
    assert 0 < scoring.sum() < scoring.size
    expected = float((right - seen)[scoring].mean())
    found = shifts(wrong, reference, BATCHES, ["scores"])["scores"]
    assert found == pytest.approx(expected, abs=1e-5)
    assert abs(found - (right - seen).mean()) > 0.01


def test_where_nothing_scores_nothing_is_moved(reference, low):
    silent = with_weights(reference, b5=[-50.0])
    assert shifts(low, silent, BATCHES, ["scores"]) == {"scores": 0}


def test_a_convolution_without_a_bias_gets_one(reference):
    moved = with_shifts(reference, {"coefficients": 0.5})
    for name, ours, theirs in zip(
        ("boxes", "scores", "coefficients", "prototypes"),
        outputs(moved),
        outputs(reference),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs + (name == "coefficients") * 0.5, atol=1e-5)


def test_a_bias_that_two_convolutions_have_is_moved_for_one(reference):
    proto = onnx.load_from_string(reference)
    next(node for node in proto.graph.node if node.name == "coefficients").input.append("b7")
    shared = proto.SerializeToString()
    moved = with_shifts(shared, {"coefficients": 0.5})
    _, _, ours, drawn = outputs(moved)
    _, _, theirs, as_before = outputs(shared)
    np.testing.assert_allclose(ours, theirs + 0.5, atol=1e-5)
    np.testing.assert_array_equal(drawn, as_before)


def test_what_is_no_raw_head_is_refused(reference):
    with pytest.raises(ModelError, match=r"'prototypes' comes from a Mul, .*raw heads"):
        with_shifts(reference, {"prototypes": 0.1})
    proto = onnx.load_from_string(reference)
    next(node for node in proto.graph.node if node.name == "scores").output[0] = "raw"
    proto.graph.initializer.append(numpy_helper.from_array(np.full(1, 2, np.float32), "twice"))
    proto.graph.node.append(onnx.helper.make_node("Mul", ["raw", "twice"], ["scores"]))
    with pytest.raises(ModelError, match="'scores' comes from a Mul"):
        with_shifts(proto.SerializeToString(), {"scores": 0.1})
    with pytest.raises(ModelError, match="'elsewhere' comes from nothing"):
        with_shifts(reference, {"elsewhere": 0.1})
