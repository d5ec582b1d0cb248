"""Bias: class logits of a network in eight bits, moved back to where those in FP32 are.

Rounding and clipping don't cancel out over a whole network: its scores come out lower, by 0.02 to
0.07 on YOLOv8n-seg, and an object at the threshold is shown. The mean difference over the cells
that score, one number a map, goes into the bias of the convolution that gives the map (Nagel et
al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, 4.2, of one
layer only, whose input is what the whole network made of the image).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, numpy_helper

from distill.quantize.graph import constants, producers, read_model
from models.errors import ModelError
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from distill.quantize.graph import Model
    from distill.quantize.ranges import Batches

    Floats = npt.NDArray[np.float32]

_SCORES = 0.15
"""Cells whose score in FP32 exceeds it count: those whose fate a threshold decides. The background,
999 of 1,000 cells, would drown them. Measured with this value alone."""

_ALL_CORES = 0
"""ONNX Runtime's word for them."""


def corrected(
    model: bytes, reference: bytes, batches: Batches, class_outputs: Sequence[str]
) -> bytes:
    """The same network, its class logits right in the mean.

    Args:
        model: an ONNX file in eight bits, its tail in float.
        reference: the same network in FP32.
        batches: network inputs.
        class_outputs: names of the outputs [n, classes, h, w] that are class logits.

    Raises:
        ModelError: such an output is not what a convolution with a float bias gives.
    """
    return with_shifts(model, shifts(model, reference, batches, class_outputs))


def shifts(
    model: bytes, reference: bytes, batches: Batches, class_outputs: Sequence[str]
) -> dict[str, float]:
    """By how much the logits of each output are too low in the mean; 0 where no cell scores."""
    ours = OnnxRuntimeNetwork(model, _ALL_CORES, outputs=class_outputs)
    theirs = OnnxRuntimeNetwork(reference, _ALL_CORES, outputs=class_outputs)
    least = np.log(_SCORES / (1 - _SCORES))
    sums, counts = np.zeros(len(class_outputs)), np.zeros(len(class_outputs))
    for batch in batches:
        for index, (low, right) in enumerate(zip(ours.run(batch), theirs.run(batch), strict=True)):
            scores = right > least
            sums[index] += float((right[scores] - low[scores]).sum(dtype=np.float64))
            counts[index] += int(scores.sum())
    means = sums / np.maximum(counts, 1)
    return dict(zip(class_outputs, means.tolist(), strict=True))


def with_shifts(model: bytes, shift: Mapping[str, float]) -> bytes:
    """The same network, with so much added to each of these outputs."""
    proto = read_model(model)
    for output, amount in shift.items():
        _add(proto, output, amount)
    moved: bytes = proto.SerializeToString()
    return moved


def _add(proto: Model, output: str, amount: float) -> None:
    node = producers(proto.graph).get(output)
    fixed = constants(proto.graph)
    if node is None or node.op_type != "Conv" or node.input[-1] not in fixed:
        made_by = f"a {node.op_type}" if node else "nothing"
        raise ModelError(
            f"the output {output!r} comes from {made_by}, so its bias can't be corrected; "
            "export it with raw heads"
        )
    if len(node.input) == 2:
        node.input.append(f"{output}.bias")
        proto.graph.initializer.append(
            _named(node.input[2], np.full(fixed[node.input[1]].dims[0], amount))
        )
        return
    bias = fixed[node.input[2]]
    values = numpy_helper.to_array(bias) + amount
    if sum(bias.name in other.input for other in proto.graph.node) == 1:
        bias.CopyFrom(_named(bias.name, values))
    else:
        node.input[2] = f"{output}.bias"
        proto.graph.initializer.append(_named(node.input[2], values))


def _named(name: str, values: npt.NDArray[np.floating[Any]]) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
