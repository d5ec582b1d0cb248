"""Ranges: what values the tensors of a network take on calibration images.

Several passes, so that memory does not grow with the images: one for the extremes, which the
network finds itself, and more for histograms between them, each of so many tensors as memory
allows. ONNX Runtime's own calibration keeps every tensor of every image: 8.2 GB for 100 of 320 px.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from distill.quantize.graph import Model, Node, float_tensors, read_model, replace_nodes
from distill.quantize.histograms import BINS, PERCENTILE, Extremes, Histograms, Method, Range
from distill.quantize.silu import read_by_silu
from models.errors import ModelError
from models.runtime.onnxruntime import session_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from distill.quantize.histograms import Counts

    Floats = npt.NDArray[np.float32]

    Progress = Callable[[int, int], object]
    """Told after every batch of a pass: its number from 1 on, and how many there are."""

    Keep = Callable[[Histograms], object]
    """Given after every pass what is known so far, to go on from."""

GROUP_BYTES = 96 << 20
"""Of tensors that are looked at together. YOLOv8n-seg of 640 px took 460 MB at the peak and four
passes; with two and a half times as much together 800 MB and three passes, a seventh faster."""

_LOOKS = ("ReduceMin", "ReduceMax", "Size")

_SLICE = 1 << 22
"""Values that are counted at once; OpenCV counts in float32, which is exact to four times that."""

_ALL_CORES = 0
"""ONNX Runtime's word for them."""


class Batches(Protocol):
    """Calibration images, run through several times: a list, or what reads them anew each time."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __iter__(self) -> Iterator[Floats]:
        """Network inputs [n, 3, h, w], of any sizes that the network takes."""
        ...


def collect_ranges(
    model: bytes,
    batches: Batches,
    *,
    method: Method = "percentile",
    percentile: float = PERCENTILE,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """The range of every float tensor, by name; see `collect_histograms` and `Histograms.ranges`."""
    return collect_histograms(model, batches, progress=progress).ranges(method, percentile)


def collect_histograms(
    model: bytes,
    batches: Batches,
    *,
    progress: Progress | None = None,
    start: Histograms | None = None,
    keep: Keep | None = None,
    group_bytes: int = GROUP_BYTES,
) -> Histograms:
    """What values every float tensor takes.

    Args:
        model: an ONNX file in FP32 of one input.
        batches: network inputs.
        progress: told of every batch.
        start: what `keep` was given of the same model and batches, to go on from.
        keep: what keeps it.
        group_bytes: of tensors that are looked at together; fewer take more passes.

    Raises:
        ModelError: it can't be run, or a value is not finite.
    """
    proto = read_model(model)
    gated = read_by_silu(proto.graph)
    seen = start or Histograms(_extremes(proto, _reported(batches, progress)), {}, gated)
    if keep and not start:
        keep(seen)
    for group in _groups(seen, group_bytes):
        counted = _counts(proto, group, seen.extremes, _reported(batches, progress))
        seen = Histograms(seen.extremes, {**seen.counts, **counted}, gated)
        if keep:
            keep(seen)
    return seen


def _reported(batches: Batches, progress: Progress | None) -> Iterator[Floats]:
    for number, batch in enumerate(batches, 1):
        yield batch
        if progress:
            progress(number, len(batches))


def _extremes(proto: Model, batches: Iterator[Floats]) -> dict[str, Extremes]:
    """The least, the greatest and the number of the values of every float tensor."""
    names = float_tensors(proto)
    looks = {}
    for name in names:
        for operator in _LOOKS:
            node = helper.make_node(operator, [name], [f"{operator}_of_{name}"])
            if operator != "Size":
                node.attribute.append(helper.make_attribute("keepdims", 0))
            looks[node.output[0]] = node
    kinds = {
        output: TensorProto.INT64 if node.op_type == "Size" else TensorProto.FLOAT
        for output, node in looks.items()
    }
    looking = _giving(proto, kinds, looks.values())
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    size = np.zeros(len(names), np.int64)
    for _, found in _runs(looking, batches):
        least, greatest, number = np.array(found, np.float64).reshape(-1, len(_LOOKS)).T
        bad = ~(np.isfinite(least) & np.isfinite(greatest))
        if bad.any():
            raise ModelError(
                f"the tensor {names[int(bad.argmax())]!r} is not finite on a calibration image; "
                "the network is broken"
            )
        low, high = np.minimum(low, least), np.maximum(high, greatest)
        size = np.maximum(size, number.astype(np.int64))
    return {
        name: Extremes(float(low[i]), float(high[i]), int(size[i])) for i, name in enumerate(names)
    }


def _groups(seen: Histograms, group_bytes: int) -> Iterator[list[str]]:
    """Tensors that are not counted yet, as many together as memory allows."""
    group: list[str] = []
    held = 0
    for name, extremes in seen.extremes.items():
        if name in seen.counts:
            continue
        size = extremes.size * np.float32().itemsize
        if group and held + size > group_bytes:
            yield group
            group, held = [], 0
        group.append(name)
        held += size
    if group:
        yield group


def _counts(
    proto: Model,
    names: Sequence[str],
    extremes: Mapping[str, Extremes],
    batches: Iterator[Floats],
) -> dict[str, Counts]:
    """Histograms of these tensors."""
    fed = proto.graph.input[0].name
    computed = [name for name in names if name != fed]
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    shown = _giving(proto, dict.fromkeys(computed, TensorProto.FLOAT))
    for batch, found in _runs(shown, batches):
        for name, values in zip((fed, *computed), (batch, *found), strict=True):
            if name in counts:
                _count(values, extremes[name], counts[name])
    return counts


def _count(values: Floats, extremes: Extremes, counts: Counts) -> None:
    """Add these values to a histogram."""
    width = (extremes.high - extremes.low) / BINS
    scale = np.float32(1 / width if width > 0 else 0)
    low, flat = np.float32(extremes.low), values.reshape(-1)
    for at in range(0, flat.size, _SLICE):
        # Beside the last bin falls what the greatest value is rounded to.
        bins = np.minimum((flat[at : at + _SLICE] - low) * scale, BINS - 1).astype(np.uint16)
        found = cv2.calcHist([bins.reshape(1, -1)], [0], None, [BINS], [0, BINS])
        counts += found.reshape(-1).astype(np.int64)


def _giving(proto: Model, kinds: Mapping[str, int], looks: Iterable[Node] = ()) -> Model:
    """A network that gives these, by name and type.

    Args:
        proto: the network.
        kinds: types of the outputs by their names.
        looks: more nodes, each of which reads one tensor; it stands behind what makes it, so that
            a tensor that was looked at is soon let go.
    """
    reading: dict[str, list[Node]] = {}
    for look in looks:
        reading.setdefault(look.input[0], []).append(look)
    nodes = [look for given in proto.graph.input for look in reading.get(given.name, ())]
    for node in proto.graph.node:
        nodes.append(node)
        nodes += [look for output in node.output for look in reading.get(output, ())]
    shown = Model()
    shown.CopyFrom(proto)
    replace_nodes(shown.graph, nodes)
    del shown.graph.output[:]
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()
    )
    return shown


def _runs(proto: Model, batches: Iterable[Floats]) -> Iterator[tuple[Floats, list[Any]]]:
    """Each batch with the outputs of its run."""
    options = session_options(_ALL_CORES)
    # In the order of the nodes: by default all that nothing else waits for is computed last.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fed = proto.graph.input[0].name
    for batch in batches:
        yield batch, session.run(None, {fed: batch})
