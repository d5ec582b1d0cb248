"""Sensitivity: which part of a network suffers most from eight bits.

Each part alone is quantised, all else stays in float, and answers are compared with FP32's. By
part, because a layer each would be sixty comparisons that say the same. Parts are found by walking
back from the outputs, whatever the nodes are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.quantize.graph import producers, read_model
from distill.quantize.insert import quantised
from distill.quantize.judge import REFERENCE, Judge
from distill.quantize.tail import float_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from distill.data.images import Image
    from distill.quantize.graph import Graph
    from distill.quantize.heads import Kind
    from distill.quantize.histograms import Range
    from models.manifest import Manifest

FRAMES = 30
"""Frames that answers are compared on; chosen so that a nano network takes under two minutes."""

_UPSAMPLING = "Resize"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one part alone costs in eight bits.

    Attributes:
        part: its name.
        nodes: how many it has.
        agreement: F1 of answers with FP32's.
        moved: mean absolute change of scores.
        mask_iou: mean overlap with FP32's masks.
    """

    part: str
    nodes: int
    agreement: float
    moved: float
    mask_iou: float


def parts_of(model: bytes, heads: Mapping[Kind, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Names of a network's nodes by the part that they belong to; no node is in two.

    Args:
        model: an ONNX file in FP32.
        heads: its outputs by what they say.
    """
    graph = read_model(model).graph
    order = [node.name for node in graph.node]
    reached = {kind: _before(graph, outputs) for kind, outputs in heads.items()}
    last = {kind: float_tail(model, outputs) for kind, outputs in heads.items()}
    found: dict[str, frozenset[str]] = {}
    own = {
        kind: nodes - frozenset().union(*(reached[other] for other in heads if other != kind))
        for kind, nodes in reached.items()
    }
    # RTMDet-Ins has one tower for both.
    shared = reached["class"] & reached["box"] - reached["coefficient"] - reached["prototype"]
    heads_own = shared.union(*own.values())
    found |= _trunk_parts(graph, [name for name in order if name not in heads_own])
    found["class and box tower"] = shared
    for kind in heads:
        if kind == "prototype":
            found["prototypes"] = own[kind]
        else:
            found[f"{kind} tower"] = own[kind] - last[kind]
            found[f"last {kind} convolutions"] = own[kind] & last[kind]
    return {part: nodes for part, nodes in found.items() if nodes}


def _trunk_parts(graph: Graph, trunk: Sequence[str]) -> dict[str, frozenset[str]]:
    """Stem, backbone and neck: what all heads share."""
    by_name = {node.name: node for node in graph.node}
    convolutions = [name for name in trunk if by_name[name].op_type == "Conv"]
    stem = frozenset(trunk[: trunk.index(convolutions[1])])
    first = next((name for name in trunk if by_name[name].op_type == _UPSAMPLING), None)
    backbone = frozenset(trunk)
    if first is not None:
        backbone = _before(graph, by_name[first].input[:1]) & backbone
    return {
        "stem": stem,
        "backbone": backbone - stem,
        "neck": frozenset(trunk) - backbone - stem,
    }


def _before(graph: Graph, tensors: Iterable[str]) -> frozenset[str]:
    """Names of the nodes that these tensors are made by."""
    made_by = producers(graph)
    seen: set[str] = set()
    waiting = list(tensors)
    while waiting:
        node = made_by.get(waiting.pop())
        if node is not None and node.name not in seen:
            seen.add(node.name)
            waiting.extend(node.input)
    return frozenset(seen)


def sensitivities(
    model: bytes,
    ranges: Mapping[str, Range],
    heads: Mapping[Kind, Sequence[str]],
    manifest: Manifest,
    frames: Sequence[Image],
    confidence: float,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> list[Sensitivity]:
    """What each part costs, the worst first.

    Args:
        model: an ONNX file in FP32.
        ranges: of its tensors.
        heads: its outputs by what they say.
        manifest: how it is fed and read.
        frames: what answers are compared on.
        confidence: the least score that counts as an answer.
        progress: wraps the parts' names.
    """
    every = frozenset(node.name for node in read_model(model).graph.node)
    found = []
    parts = parts_of(model, heads)
    for part in progress(list(parts)):
        made = quantised(model, ranges, "uint8", floats=every - parts[part])
        judge = Judge({REFERENCE: model, part: made}, manifest, confidence)
        judge.look_at_frames(frames)
        seen = judge.seen[part].agreement
        paired = max(sum(one.paired for one in seen), 1)
        answers = max(sum(one.reference + one.seen for one in seen), 1)
        found.append(
            Sensitivity(
                part,
                len(parts[part]),
                2 * sum(one.both for one in seen) / answers,
                sum(one.moved for one in seen) / paired,
                sum(one.overlap for one in seen) / paired,
            )
        )
    return sorted(found, key=lambda one: one.agreement)


def rows(found: Sequence[Sensitivity]) -> list[list[str]]:
    """A head and a row a part."""
    head = ["only this part in uint8", "nodes", "agreement", "scores moved", "mask IoU"]
    return [
        head,
        *(
            [
                one.part,
                str(one.nodes),
                f"{one.agreement:.3f}",
                f"{one.moved:.4f}",
                f"{one.mask_iou:.4f}",
            ]
            for one in found
        ),
    ]
