"""Half compute: a network that computes in float16, fed and read in float32, its tail in float32.

For a runtime that takes every type as it is written, as strongly typed TensorRT does. ONNX Runtime
on x86 gains nothing by it: for CPUs `distill.pack.half` stores weights in 16 bits and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from distill.quantize.graph import constants, float_tensors, read_model, replace_nodes
from distill.quantize.tail import float_tail

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from distill.quantize.graph import Model, Node

_HALF = {
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Div",
    "GlobalAveragePool",
    "HardSigmoid",
    "MatMul",
    "MaxPool",
    "Mul",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Split",
    "Sub",
    "Transpose",
}
"""What computes in float16. Every other operator gets float32, as before."""

_FLOAT_INPUTS = {"Resize": (1, 2)}
"""Inputs that stay in float32 whatever the first one's type is: region and scales."""

_MAX = float(np.finfo(np.float16).max)


def half_computed(model: bytes, *, floats: Collection[str] | None = None) -> bytes:
    """The same network, computed in float16 but for what stays in float32.

    Args:
        model: an ONNX file in FP32.
        floats: names of nodes that stay in float32, as `distill.quantize.graph.read_model` has
            them; None: the tail. A node with a constant that float16 can't hold does in any case.
    """
    proto = read_model(model)
    conversion = _Conversion(proto, float_tail(model) if floats is None else floats)
    for node in proto.graph.node:
        conversion.add(node)
    replace_nodes(proto.graph, conversion.nodes)
    used = {name for node in proto.graph.node for name in node.input}
    weights = [t for t in (*proto.graph.initializer, *conversion.constants) if t.name in used]
    kept = [TensorProto.FromString(tensor.SerializeToString()) for tensor in weights]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    del proto.graph.value_info[:]  # it tells of types that are no more
    made: bytes = proto.SerializeToString()
    return made


class _Conversion:
    """Nodes in their new types, with casts where two meet; each tensor is cast once.

    A tensor keeps its name where it is made; where it is needed in the other type it is called
    `.half` or `.float`.
    """

    def __init__(self, proto: Model, floats: Collection[str]) -> None:
        self.nodes: list[Node] = []
        self.constants: list[TensorProto] = []
        self._floats = floats
        self._tensors = set(float_tensors(proto))
        self._fixed: Mapping[str, TensorProto] = constants(proto.graph)
        self._outputs = {output.name for output in proto.graph.output}
        self._halves: set[str] = set()
        self._made: set[str] = set()

    def add(self, node: Node) -> None:
        """Take the next node of the graph."""
        half = self._computes_in_half(node)
        left = _FLOAT_INPUTS.get(node.op_type, ())
        for index, name in enumerate(node.input):
            node.input[index] = self._as(name, half=half and index not in left)
        made = self._tensors.intersection(node.output) if half else set()
        self._halves |= made
        for index, name in enumerate(node.output):
            if name in made:
                node.output[index] = self._own(name)
        self.nodes.append(node)
        for name in sorted(made & self._outputs):
            self._cast(self._own(name), name, TensorProto.FLOAT)

    def _computes_in_half(self, node: Node) -> bool:
        return (
            node.op_type in _HALF
            and node.name not in self._floats
            and all(
                np.abs(numpy_helper.to_array(self._fixed[name])).max(initial=0) <= _MAX
                for name in node.input
                if self._is_float_constant(name)
            )
        )

    def _is_float_constant(self, name: str) -> bool:
        return name in self._fixed and self._fixed[name].data_type == TensorProto.FLOAT

    def _own(self, name: str) -> str:
        """What a tensor in float16 is called: an output's name belongs to float32."""
        return f"{name}.half" if name in self._outputs else name

    def _as(self, name: str, *, half: bool) -> str:
        """The name of this tensor in the type that is needed."""
        if self._is_float_constant(name):
            return self._constant(name) if half else name
        if name not in self._tensors:
            return name
        if half == (name in self._halves):
            return self._own(name) if half else name
        if half:
            return self._cast(name, f"{name}.half", TensorProto.FLOAT16)
        if name in self._outputs:
            return name
        return self._cast(name, f"{name}.float", TensorProto.FLOAT)

    def _cast(self, name: str, cast: str, kind: int) -> str:
        if cast not in self._made:
            self.nodes.append(helper.make_node("Cast", [name], [cast], f"{cast}_Cast", to=kind))
            self._made.add(cast)
        return cast

    def _constant(self, name: str) -> str:
        half = f"{name}.half"
        if half not in self._made:
            values = numpy_helper.to_array(self._fixed[name]).astype(np.float16)
            self.constants.append(numpy_helper.from_array(values, half))
            self._made.add(half)
        return half
