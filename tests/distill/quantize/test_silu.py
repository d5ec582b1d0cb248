"""What a SiLU alone reads, and that its codes are spent where the SiLU tells values apart."""

import numpy as np
import onnx
import pytest
from onnx import parser

from distill.quantize.histograms import BINS, Extremes, Histograms
from distill.quantize.ranges import collect_histograms
from distill.quantize.silu import least_low, read_by_silu
from tests.distill.quantize.small import fed, small

SPREAD = np.random.default_rng(0).normal(-4, 12, 200_000)


def histogram(values):
    counts, edges = np.histogram(values, BINS)
    return (edges[:-1] + edges[1:]) / 2, counts


def silu(values):
    return values / (1 + np.exp(-values))


def error(values, low, high):
    """Mean squared error of a SiLU that reads eight bits from low to high."""
    step = (high - low) / 255
    coded = np.round(np.clip(values, low, high) / step) * step
    return float(((silu(coded) - silu(values)) ** 2).mean())


def test_the_tensors_of_a_network_that_a_silu_alone_reads():
    gated = {"stem", "second", "one", "three", "drawn"}
    assert read_by_silu(onnx.load_from_string(small()).graph) == gated
    assert collect_histograms(small(), [fed(0)]).gated == gated


@pytest.mark.parametrize(
    "nodes",
    [
        "gate = Sigmoid (x) y = Mul (x, gate) z = Relu (x)",  # somebody else reads it, too
        "gate = Sigmoid (x) y = Mul (w, gate) z = Relu (w)",  # another is multiplied
        "gate = Sigmoid (w) y = Mul (x, gate) z = Relu (w)",  # by the sigmoid of another
        "y = Sigmoid (x) z = Mul (x, x)",
    ],
)
def test_what_somebody_else_reads_is_not_a_silu_s_alone(nodes):
    text = '<ir_version: 8, opset_import: ["" : 18]> g (float[4] v) => (float[4] y, float[4] z)'
    begin = "x = Neg (v) w = Abs (v)"
    graph = parser.parse_model(f"{text} {{ {begin} {nodes} }}").graph
    assert read_by_silu(graph) == set()


def test_an_output_has_to_keep_its_values():
    text = '<ir_version: 8, opset_import: ["" : 18]> g (float[4] v) => (float[4] %s)'
    nodes = "{ x = Neg (v) gate = Sigmoid (x) y = Mul (gate, x) }"
    assert read_by_silu(parser.parse_model(f"{text % 'y'} {nodes}").graph) == {"x"}
    assert read_by_silu(parser.parse_model(f"{text % 'x'} {nodes}").graph) == set()


def test_codes_are_spent_where_a_silu_tells_values_apart():
    high = float(SPREAD.max())
    low = least_low(*histogram(SPREAD), high)
    assert -8 < low < -3
    assert error(SPREAD, low, high) < error(SPREAD, float(SPREAD.min()), high) / 2
    others = [error(SPREAD, other, high) for other in (low - 1, low + 1, 0.0)]
    assert error(SPREAD, low, high) < min(others)


def test_no_code_lies_below_what_was_seen():
    values = np.random.default_rng(1).normal(3, 0.1, 1000)
    assert least_low(*histogram(values), 4.0) == 0
    assert -1 <= least_low(*histogram(values - 3.5), 0.0) <= 0


@pytest.mark.parametrize("method", ["percentile", "minmax", "mse"])
def test_only_the_lower_bound_of_what_is_gated_moves(method):
    middles, counts = histogram(SPREAD)
    extremes = {"x": Extremes(float(SPREAD.min()), float(SPREAD.max()), SPREAD.size)}
    plain = Histograms(extremes, {"x": counts}).ranges(method)["x"]
    kept = Histograms(extremes, {"x": counts}, frozenset({"x"})).to_bytes()
    gated = Histograms.from_bytes(kept).ranges(method)["x"]
    assert gated.high == plain.high
    assert gated.low == least_low(middles, counts, plain.high) > plain.low
