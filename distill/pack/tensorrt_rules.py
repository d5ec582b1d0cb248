"""Rules of TensorRT's ONNX parser, applied to a file before a device meets it.

They are what is published: onnx-tensorrt's support matrix with its restrictions, and what those
reported who met the rest. The parser itself never ran here: it may refuse a file without findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper, numpy_helper

from distill.pack.tensorrt_operators import OPERATORS
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from onnx import ModelProto, NodeProto

OPSETS = range(9, 21)
"""Of TensorRT 10.3, the oldest that a Jetson of ours has (JetPack 6)."""

_CHOOSING = frozenset({"NonMaxSuppression", "NonZero", "TopK"})
"""TensorRT 10.3 does not build INT8 networks with suppression or an end-to-end head in them
(Ultralytics' issues 23841 and 26655)."""

_OUR_DOMAINS = frozenset({"", "ai.onnx"})
_TYPES = frozenset(
    {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
        TensorProto.BFLOAT16,
        TensorProto.INT8,
        TensorProto.INT32,
        TensorProto.INT64,
        TensorProto.BOOL,
    }
)
_RESIZE: dict[str, frozenset[str | int]] = {
    "mode": frozenset({"nearest", "linear"}),
    "coordinate_transformation_mode": frozenset(
        {
            "half_pixel",
            "pytorch_half_pixel",
            "tf_half_pixel_for_nn",
            "asymmetric",
            "align_corners",
        }
    ),
    "nearest_mode": frozenset({"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}),
    "keep_aspect_ratio_policy": frozenset({"stretch"}),
    "antialias": frozenset({0}),
}
"""By attribute, what the matrix has."""

_EXAMPLES = 3
"""Nodes that a finding names; chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a file breaks.

    Attributes:
        broken: what the file has that the parser refuses, by node.
        rule: what the parser asks for.
        remedy: what to do about it.
    """

    broken: tuple[str, ...]
    rule: str
    remedy: str

    @property
    def line(self) -> str:
        """The rule, the first nodes that break it, how many more do, and the way out."""
        more = f" and {len(self.broken) - _EXAMPLES} more" if len(self.broken) > _EXAMPLES else ""
        return f"{self.rule}: {', '.join(self.broken[:_EXAMPLES])}{more}; {self.remedy}"


class _Graph:
    """A file and what its rules look up in it."""

    def __init__(self, model: ModelProto, varying: Collection[int]) -> None:
        self.model, self.graph, self.varying = model, model.graph, varying
        self.nodes: tuple[NodeProto, ...] = tuple(_every_node(model.graph))
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                values = [a.t for a in node.attribute if a.name == "value"]
                self.constants.update(zip(node.output, values, strict=False))

    def of(self, *kinds: str) -> Iterator[NodeProto]:
        """Its nodes of these operators."""
        return (node for node in self.nodes if node.op_type in kinds)


def findings(model: bytes, *, varying: Collection[int] = ()) -> tuple[Finding, ...]:
    """The rules that a file breaks.

    Args:
        model: an ONNX file.
        varying: axes of the input that may vary, because the bundle says which sizes they take:
            0 the batch, 2 the height, 3 the width.
    """
    graph = _Graph(onnx.load_from_string(model), varying)
    broken = ((tuple(rule.breaks(graph)), rule) for rule in _RULES)
    return tuple(Finding(found, rule.asks, rule.remedy) for found, rule in broken if found)


def check_tensorrt(model: bytes, *, varying: Collection[int] = ()) -> None:
    """Refuse a file that breaks a rule.

    Args:
        model: an ONNX file.
        varying: see `findings`.

    Raises:
        ModelError: it breaks one; the line says which, where, and what to do.
    """
    if found := findings(model, varying=varying):
        others = f" ({len(found) - 1} other rules are broken, too)" if found[1:] else ""
        raise ModelError(f"TensorRT's parser would refuse the file: {found[0].line}{others}")


def _opset(graph: _Graph) -> Iterator[str]:
    for used in graph.model.opset_import:
        if used.domain in _OUR_DOMAINS and used.version not in OPSETS:
            yield f"opset {used.version}"


def _domains(graph: _Graph) -> Iterator[str]:
    for used in graph.model.opset_import:
        if used.domain not in _OUR_DOMAINS:
            yield f"imports {used.domain}"
    for node in graph.nodes:
        if node.domain not in _OUR_DOMAINS:
            yield f"{_called(node)} of {node.domain}"


def _sizes(graph: _Graph) -> Iterator[str]:
    for given in graph.graph.input:
        if given.name in graph.constants:
            continue
        for axis, size in enumerate(given.type.tensor_type.shape.dim):
            if size.dim_value <= 0 and axis not in graph.varying:
                yield f"axis {axis} of {given.name} ({size.dim_param or 'of any size'})"


def _operators(graph: _Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.domain in _OUR_DOMAINS and node.op_type not in OPERATORS | _CHOOSING:
            yield _called(node)


def _choosing(graph: _Graph) -> Iterator[str]:
    return (_called(node) for node in graph.of(*_CHOOSING))


def _zero_points(graph: _Graph) -> Iterator[str]:
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        if len(node.input) < 3 or not node.input[2]:
            yield f"{_called(node)} has none"
        elif (zero := graph.constants.get(node.input[2])) is None:
            yield f"{_called(node)} computes it"
        elif zero.data_type == TensorProto.INT32:
            continue  # a rule of its own
        elif zero.data_type != TensorProto.INT8:
            yield f"{_called(node)} is {_type(zero.data_type)}"
        elif numpy_helper.to_array(zero).any():
            yield f"{_called(node)} is not 0"


def _biases(graph: _Graph) -> Iterator[str]:
    for node in graph.of("DequantizeLinear"):
        given = graph.constants.get(node.input[0])
        if given is not None and given.data_type == TensorProto.INT32:
            yield _called(node)


def _scales(graph: _Graph) -> Iterator[str]:
    weights = set(graph.constants)
    for node in graph.of("QuantizeLinear"):
        if node.input[0] in weights:
            weights.add(node.output[0])
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        scale = graph.constants.get(node.input[1])
        if scale is None:
            yield f"{_called(node)} computes it"
        elif not (numpy_helper.to_array(scale).astype(float) > 0).all():
            yield f"{_called(node)} is not above 0"
        elif scale.dims and scale.dims[0] > 1 and node.input[0] not in weights:
            yield f"{_called(node)} has {scale.dims[0]} for what is computed"


def _pairs(graph: _Graph) -> Iterator[str]:
    quantised = {node.output[0]: node for node in graph.of("QuantizeLinear")}
    for given in graph.graph.output:
        if given.name in quantised:
            yield f"{_called(quantised[given.name])} is an output"
    for node in graph.nodes:
        if node.op_type != "DequantizeLinear":
            for name in node.input:
                if name in quantised:
                    yield f"{_called(quantised[name])} goes to {_called(node)}"


def _resizes(graph: _Graph) -> Iterator[str]:
    for node in graph.of("Resize"):
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            value = value.decode() if isinstance(value, bytes) else value
            if attribute.name in _RESIZE and value not in _RESIZE[attribute.name]:
                yield f"{_called(node)} has {attribute.name} {value}"


def _pools(graph: _Graph) -> Iterator[str]:
    for node in graph.of("MaxPool", "AveragePool"):
        if len(node.output) > 1 and node.output[1]:
            yield f"{_called(node)} gives indices"
        for attribute in node.attribute:
            if attribute.name == "dilations" and set(attribute.ints) - {1}:
                yield f"{_called(node)} is dilated"


def _types(graph: _Graph) -> Iterator[str]:
    of_zero_points = {
        node.input[2]
        for node in graph.of("QuantizeLinear", "DequantizeLinear")
        if len(node.input) > 2
    }
    for name, tensor in graph.constants.items():
        if tensor.data_type not in _TYPES and name not in of_zero_points:
            yield f"{name} is {_type(tensor.data_type)}"
    for node in graph.of("Cast"):
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i not in _TYPES:
                yield f"{_called(node)} makes {_type(attribute.i)}"


@dataclass(frozen=True, slots=True)
class _Rule:
    breaks: Callable[[_Graph], Iterator[str]]
    asks: str
    remedy: str


_RULES = (
    _Rule(
        _opset,
        f"TensorRT 10.3 reads opset {OPSETS[0]} to {OPSETS[-1]}",
        "export with opset 18",
    ),
    _Rule(
        _domains,
        "operators are ONNX's own",
        "export plain ONNX, and strip what ONNX Runtime's optimiser imports",
    ),
    _Rule(
        _sizes,
        "an axis of the input varies only where the bundle lists its sizes",
        "export for fixed sizes",
    ),
    _Rule(
        _operators,
        "operators are in the parser's list",
        "end the export at the heads' convolutions, and quantise with `sfumato-distill quantize`",
    ),
    _Rule(
        _choosing,
        "nothing in the network chooses among its results, which TensorRT 10.3 can't build in INT8",
        "export without suppression and without an end-to-end head (raw heads)",
    ),
    _Rule(
        _zero_points,
        "zero points are int8 and 0",
        "quantise symmetrically in int8, as `sfumato-distill quantize` does",
    ),
    _Rule(
        _biases,
        "a bias is float, for int32 is not dequantised",
        "leave biases float (QuantizeBias false in ONNX Runtime's quantiser)",
    ),
    _Rule(
        _scales,
        "scales are constants above 0, one for what is computed",
        "quantise with constant ranges, by channel for weights only",
    ),
    _Rule(
        _pairs,
        "what is quantised is dequantised before anything else reads it",
        "write pairs of QuantizeLinear and DequantizeLinear",
    ),
    _Rule(
        _resizes,
        "Resize is nearest or linear, in the parser's modes",
        "upsample by nearest or bilinear interpolation",
    ),
    _Rule(_pools, "pooling gives no indices and is not dilated", "use a plain pooling layer"),
    _Rule(
        _types,
        "numbers are float, half, bfloat16, int8, int32, int64 or bool",
        "export in float32",
    ),
)


def _every_node(graph: onnx.GraphProto) -> Iterator[NodeProto]:
    """All nodes, those in branches and loops included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _every_node(attribute.g)


def _called(node: NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]}"


def _type(number: int) -> str:
    return str(TensorProto.DataType.Name(number)).lower()
