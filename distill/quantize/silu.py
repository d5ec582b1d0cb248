"""SiLU: tensors that nothing but a SiLU reads, and how far below zero their codes have to reach.

What is far below zero a SiLU makes next to nothing of, so that codes spent there are lost to the
values that count: YOLOv8n-seg has convolutions whose results go from -108 to 94, and a SiLU that
gives -0.28 at the least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from distill.quantize.graph import Graph

    Values = npt.NDArray[np.float64]

_LOWS = np.linspace(-12, 0, 121)
"""Lower bounds among which the best is looked for; beyond, a SiLU gives less than 1e-4."""

_CODES = 256


def read_by_silu(graph: Graph) -> frozenset[str]:
    """Names of the tensors that are multiplied by their own sigmoid, and read by nothing else."""
    readers: dict[str, list[tuple[str, frozenset[str], str]]] = {}
    for node in graph.node:
        for name in node.input:
            reader = node.op_type, frozenset(node.input), node.output[0]
            readers.setdefault(name, []).append(reader)
    given = {output.name for output in graph.output}
    found = set()
    for name, reading in readers.items():
        gates = {made for operator, _, made in reading if operator == "Sigmoid"}
        products = [inputs for operator, inputs, _ in reading if operator == "Mul"]
        if name not in given and len(reading) == 2 and products == [gates | {name}]:
            found.add(name)
    return frozenset(found)


def least_low(middles: Values, counts: npt.NDArray[np.int64], high: float) -> float:
    """The lower bound (0 or less) with which the SiLU of a tensor errs least, squared.

    Args:
        middles: values, rising.
        counts: how often each was seen.
        high: the upper bound, 0 or more.
    """
    right = _silu(middles)

    def error(low: float) -> float:
        step = (high - low) / (_CODES - 1)
        if not step:
            return float((counts * right**2).sum())
        coded = np.round(np.clip(middles, low, high) / step) * step
        return float((counts * (_silu(coded) - right) ** 2).sum())

    lows: list[float] = np.maximum(_LOWS, min(float(middles[0]), 0.0)).tolist()
    return min(lows, key=error)


def _silu(values: Values) -> Values:
    made: Values = values / (1 + np.exp(-np.maximum(values, -80.0)))
    return made
