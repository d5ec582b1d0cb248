"""Tail and stem: the two ends of a network that stay in float.

One code of 256 must serve all scores of a map, the smallest that counts and the greatest, and a
share of a pixel and a picture's width alike where boxes are computed in the graph: with the tail
in eight bits every score of a network of one class rounds to 0, and nothing raises. The stem stays
for speed alone: a convolution of three channels gains nothing from eight bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.quantize.graph import float_tensors, producers, read_model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from distill.quantize.graph import Node

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
    """Names of the nodes from the input up to what the second convolution of each path reads.

    For ONNX Runtime: YOLOv8n-seg runs at 2.35x of FP32 with it in float, at 2.26x without (640 px,
    one thread, AVX-512 VNNI; 2.21x and 2.15x at 320 px), and is no less exact.
    """
    proto = read_model(model)
    floats = set(float_tensors(proto))
    before, behind = {proto.graph.input[0].name}, set[str]()  # the first convolution of a path
    stem = []
    for node in proto.graph.node:
        given = floats.intersection(node.input)
        convolves = node.op_type == "Conv"
        if not given or not given <= before | behind or (convolves and given & behind):
            continue
        stem.append(node.name)
        made = behind if convolves or given & behind else before
        made.update(node.output)
    return frozenset(stem)


def _is_mean(convolution: Node, made_by: Mapping[str, Node]) -> bool:
    """Whether a convolution weighs what a softmax gives."""
    node = made_by.get(convolution.input[0])
    while node is not None and node.op_type in _MOVES:
        node = made_by.get(node.input[0])
    return node is not None and node.op_type == "Softmax"
