"""Graph: an ONNX file as this package reads it: every node by a name, every tensor by its type."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, shape_inference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Graph = onnx.GraphProto
Model = onnx.ModelProto
Node = onnx.NodeProto


def read_model(model: bytes) -> Model:
    """The network, with a name of its own for every node, the same each time.

    Constants that are nodes become initializers, which is where everything here looks for them.
    """
    proto = onnx.load_from_string(model)
    nodes = []
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            proto.graph.initializer.append(tensor)
        else:
            nodes.append(node)
    counts = Counter(node.name for node in nodes)
    for index, node in enumerate(nodes):
        if not node.name or counts[node.name] > 1:
            node.name = f"{node.op_type}_at_{index}"
    replace_nodes(proto.graph, nodes)
    return proto


def replace_nodes(graph: Graph, nodes: Iterable[Node]) -> None:
    """Let the graph have these nodes, in this order."""
    kept = [Node.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def producers(graph: Graph) -> Mapping[str, Node]:
    """The node that makes a tensor, by the tensor's name."""
    return {output: node for node in graph.node for output in node.output if output}


def constants(graph: Graph) -> Mapping[str, TensorProto]:
    """Weights and other constants, by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def float_tensors(proto: Model) -> list[str]:
    """Names of all float32 tensors that a run computes, the graph's inputs and outputs included."""
    graph = shape_inference.infer_shapes(proto).graph
    fixed = constants(graph)
    every = [*graph.input, *graph.value_info, *graph.output]
    names = [value.name for value in every if value.type.tensor_type.elem_type == TensorProto.FLOAT]
    return [name for name in dict.fromkeys(names) if name not in fixed]
