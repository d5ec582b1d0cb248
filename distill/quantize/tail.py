"""Tail and stem: the two ends of a network that stay in float.

One code of 256 must serve all scores of a map, the smallest that counts and the greatest, and a
share of a pixel and a picture's width alike where boxes are computed in the graph: with the tail
in eight bits every score of a network of one class rounds to 0, and nothing raises. The stem gains no
speed from eight bits, and all that follows is built on its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.quantize.graph import float_tensors, producers, read_model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from distill.quantize.graph import Node

_STEM = 2
"""Convolutions of the stem. With two of them in float YOLOv8n-seg runs at 2.29x of FP32 (640x384, one
thread, VNNI; 2.16x at 320x192), with one at 2.29x (2.18x), with none at 2.23x (2.10x); the second
alone in eight bits moves class logits by 0.23 (RMS) of the 0.48 that all do."""

_MOVES = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}
"""Operators that pass values on as they are."""


def float_tail(model: bytes, outputs: Collection[str] = ()) -> frozenset[str]:
    """Names of the nodes from the last convolution of every path to its output, both included.

    Names don't tell: PyTorch's exporter calls its nodes `node_conv2d_91`. So it walks back from
    the outputs, and passes the convolution of a DFL (Li et al., "Generalized Focal Loss", 2020),
    which is no layer: it takes the mean of a distribution, and what it reads is a softmax.

    Args:
        model: an ONNX file.
        outputs: names of those to walk back from; empty: all.
    """
    proto = read_model(model)
    made_by = producers(proto.graph)
    seen: dict[str, None] = {}
    waiting = list(outputs) or [output.name for output in proto.graph.output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or node.name in seen:
            continue
        seen[node.name] = None
        if node.op_type != "Conv" or _is_mean(node, made_by):
            waiting.extend(node.input)
    return frozenset(seen)


def float_stem(model: bytes) -> frozenset[str]:
    """Names of the nodes from the input up to what the third convolution of each path reads.

    For ONNX Runtime: TensorRT fuses and chooses by itself.
    """
    proto = read_model(model)
    floats = set(float_tensors(proto))
    passed = {proto.graph.input[0].name: 0}  # convolutions, by the tensor
    stem = []
    for node in proto.graph.node:
        given = floats.intersection(node.input)
        if not given or not given <= passed.keys():
            continue
        count = max(passed[name] for name in given) + (node.op_type == "Conv")
        if count <= _STEM:
            stem.append(node.name)
            passed.update(dict.fromkeys(node.output, count))
    return frozenset(stem)


def _is_mean(convolution: Node, made_by: Mapping[str, Node]) -> bool:
    """Whether a convolution weighs what a softmax gives."""
    node = made_by.get(convolution.input[0])
    while node is not None and node.op_type in _MOVES:
        node = made_by.get(node.input[0])
    return node is not None and node.op_type == "Softmax"
