"""Insert: the pairs of QuantizeLinear and DequantizeLinear that make a network one of eight bits.

Two files of one set of ranges, since none serves both who read it. TensorRT's parser takes int8
with zero point 0 and a float bias, and quantises around convolutions by itself. ONNX Runtime on
x86 is fast with uint8 alone, and where what lies between convolutions is quantised too; it runs
TensorRT's file at 0.6 to 0.8 of the speed of FP32.

The pairs are inserted by ONNX Runtime's own quantiser; its calibration is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantType

from distill.quantize.graph import float_tensors, read_model
from distill.quantize.tail import float_stem, float_tail
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from distill.quantize.graph import Model
    from distill.quantize.histograms import Range

_ONNX = "ai.onnx"
"""The domain that may as well have no name."""

Eight = Literal["int8", "uint8"]

_OPERATORS: dict[Eight, tuple[str, ...]] = {
    "int8": ("Conv",),
    "uint8": ("Conv", "Sigmoid", "Mul", "Concat", "Add", "Resize", "MaxPool", "Split"),
}
"""What is quantised. ConvTranspose stays in float: ONNX Runtime has no kernel of eight bits."""


def quantised(
    model: bytes,
    ranges: Mapping[str, Range],
    role: Eight,
    *,
    floats: Collection[str] | None = None,
) -> bytes:
    """The same network, computed in eight bits but for what stays in float.

    Args:
        model: an ONNX file in FP32.
        ranges: of its tensors, by name, as `collect_ranges` gives them.
        role: `int8` for TensorRT, `uint8` for ONNX Runtime on x86.
        floats: names of nodes that stay in float, as `distill.quantize.graph.read_model` has
            them; None: the tail, and of `uint8` the stem.

    Raises:
        ModelError: the ranges are those of another network.
    """
    proto = read_model(model)
    kept = _floats(model, role) if floats is None else floats
    operators = list(_OPERATORS[role])
    _check(proto, ranges, operators, kept)
    foreign = QDQQuantizer(
        proto,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if role == "int8" else QuantType.QUInt8,
        tensors_range=_told(ranges),
        nodes_to_quantize=[],
        nodes_to_exclude=sorted(kept),
        op_types_to_quantize=operators,
        extra_options={
            "ActivationSymmetric": role == "int8",
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": operators if role == "int8" else [],
        },
    )
    foreign.quantize_model()
    foreign.model.topological_sort()
    return _plain(foreign.model.model, read_model(model))


def _floats(model: bytes, role: Eight) -> frozenset[str]:
    tail = float_tail(model)
    return tail | float_stem(model) if role == "uint8" else tail


def _check(
    proto: Model, ranges: Mapping[str, Range], operators: Collection[str], kept: Collection[str]
) -> None:
    computed = set(float_tensors(proto))
    touched = [
        tensor
        for node in proto.graph.node
        if node.op_type in operators and node.name not in kept
        for tensor in (*node.input, *node.output)
    ]
    if missing := [name for name in touched if name in computed and name not in ranges]:
        raise ModelError(f"no range is known of the tensor {missing[0]!r}; calibrate this network")


def _told(ranges: Mapping[str, Range]) -> TensorsData:
    data = {
        name: TensorData(lowest=np.float32(each.low), highest=np.float32(each.high))
        for name, each in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, data)


def _plain(made: Model, before: Model) -> bytes:
    """Without what a tool left: domains that no node is of, and its own notes."""
    used = {node.domain or _ONNX for node in made.graph.node}
    opsets = [each for each in made.opset_import if (each.domain or _ONNX) in used]
    del made.opset_import[:]
    made.opset_import.extend(opsets)
    del made.metadata_props[:]
    made.metadata_props.extend(before.metadata_props)
    made.producer_name, made.producer_version = before.producer_name, before.producer_version
    plain: bytes = made.SerializeToString()
    return plain
