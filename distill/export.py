"""Export: a network as an ONNX file that says what it is, and a comparison with PyTorch.

The file gives raw outputs; `models.decode` reads them, as it reads PyTorch's. Its metadata is
what `models.description.describe` asks for, so that `sfumato model import` packs it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import torch
from torch import nn

from distill.parity.table import Row
from distill.predict.rtmdet import in_order
from models.decode.rtmdet_ins import (
    MAX_INSTANCES,
    OUTPUT_NAMES,
    STRIDES,
    RtmdetInsDecoder,
    input_spec,
)
from models.description import FAMILY_KEY, INPUT_KEY, NAMES_KEY, SIZES_KEY
from models.errors import ModelError
from models.input_size import STRIDE
from models.masks import pasted
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    from onnx import ModelProto
    from torch import Tensor

    from models.input_spec import InputSpec
    from models.instances import Instances
    from models.manifest import Family, Size
    from models.nets.rtmdet_ins import RTMDetIns

    Image = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

OPSET = 18
_INPUT = "images"
_BATCHES = (1, 3)
_RAW, _SCORE, _PIXELS = 2e-4, 5e-4, 1e-3
_BOX_PX, _BOX_SHARE = 0.02, 1e-4
"""A box may be off by so many pixels, and by this share of its coordinates. As the others, chosen,
not measured: a few times what float32 costs."""

_MIN_CELLS, _MAX_CELLS = 10, 60
"""Cells that a comparison is made of; chosen, not measured."""

_NEIGHBOURS = 2
"""Instances of a full list that may differ, where two scores are as good as equal."""


class Flat(nn.Module):
    """RTMDet-Ins with its ten outputs side by side."""

    def __init__(self, net: RTMDetIns) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised images [B, 3, h, w] to the outputs in `OUTPUT_NAMES`' order."""
        return in_order(self.net(images))


def export_onnx(net: RTMDetIns, classes: Sequence[str], *, image_size: int) -> bytes:
    """An ONNX file: images [batch, 3, size, size] to `OUTPUT_NAMES`, for any batch.

    Args:
        net: on the CPU, in eval mode.
        classes: names by class id.
        image_size: side of the square input, pixels, a multiple of 32.
    """
    spec = input_spec(image_size)
    told = metadata_of("rtmdet_ins", classes, spec)
    return to_onnx(Flat(net), spec, OUTPUT_NAMES, told, any_batch=True)


def metadata_of(
    family: Family, classes: Sequence[str], spec: InputSpec, others: Sequence[Size] = ()
) -> dict[str, str]:
    """The metadata of an export.

    Args:
        family: whose raw outputs the file gives; of `yolo_seg`, those of the heads.
        classes: names by class id.
        spec: what it is fed.
        others: other sizes (width, height) that it may be fed at.
    """
    told = {
        FAMILY_KEY: family,
        NAMES_KEY: json.dumps(list(classes)),
        INPUT_KEY: spec.model_dump_json(),
    }
    return told | ({SIZES_KEY: json.dumps(others)} if others else {})


def to_onnx(
    module: nn.Module,
    spec: InputSpec,
    outputs: Sequence[str],
    metadata: Mapping[str, str],
    *,
    any_batch: bool = False,
    any_size: bool = False,
) -> bytes:
    """An ONNX file in FP32: images [1 or batch, 3, h, w] to raw outputs.

    Args:
        module: images to a tuple of outputs; on the CPU.
        spec: what it is fed.
        outputs: their names.
        metadata: the file's, by key.
        any_batch: for any number of images at once.
        any_size: for images of any height and width, multiples of 32.

    Raises:
        ModelError: it can't be exported for any batch or size.
    """
    varies = {0: ("batch", 1)} if any_batch else {}
    varies |= {2: ("height", STRIDE), 3: ("width", STRIDE)} if any_size else {}
    # Of more than one step where it varies: one would be kept as it is.
    size = (2 * STRIDE, 3 * STRIDE) if any_size else (spec.height, spec.width)
    images = torch.zeros(2 if any_batch else 1, 3, *size)
    axes = {
        axis: step * torch.export.Dim(f"{name}s" if step > 1 else name)
        for axis, (name, step) in varies.items()
    }
    program = torch.onnx.export(
        module.eval(),
        (images,),
        dynamo=True,
        input_names=[_INPUT],
        output_names=list(outputs),
        dynamic_shapes={_INPUT: axes} if axes else None,
        opset_version=OPSET,
        verbose=False,
    )
    model = cast("torch.onnx.ONNXProgram", program).model_proto
    for axis, (name, _) in varies.items():
        dim = model.graph.input[0].type.tensor_type.shape.dim[axis]
        if not dim.dim_param:  # where a network counts its images, the exporter fixes their number
            raise ModelError(f"the network can't be exported for any {name}, only for one")
        dim.dim_param = name
    _forget(model)
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    exported: bytes = model.SerializeToString()
    return exported


def _forget(model: ModelProto) -> None:
    """Leave out what the exporter notes for its makers.

    It names the folders of this machine, it differs from run to run, and it is 3 % of the file.
    """
    graph = model.graph
    for each in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del each.metadata_props[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]


def check_export(net: RTMDetIns, model: bytes, *, image_size: int) -> Iterator[Row]:
    """Compare PyTorch with ONNX Runtime, raw and through the same decoder, one image and several.

    Args:
        net: what was exported.
        model: the file.
        image_size: what it was exported for.
    """
    spec = input_spec(image_size)
    decoder = RtmdetInsDecoder(spec, net.classes)
    network = OnnxRuntimeNetwork(model, outputs=OUTPUT_NAMES)
    for count in _BATCHES:
        images = [_picture(seed, image_size) for seed in range(count)]
        fed, fits = zip(*(preprocess(image, spec) for image in images), strict=True)
        batch = np.concatenate(fed)
        with torch.inference_mode():
            theirs = [output.numpy() for output in in_order(net(torch.from_numpy(batch)))]
        ours = network.run(batch)
        where = f"batch {count}"
        worst = max(_difference(a, b) for a, b in zip(ours, theirs, strict=True))
        yield Row(f"{where}: raw outputs", worst, _RAW)
        for i, fit in enumerate(fits):
            both = [[each[i : i + 1] for each in outputs] for outputs in (ours, theirs)]
            least = _between(both[1][: len(STRIDES)])
            seen, reference = (decoder.decode(each, fit, min_score=least) for each in both)
            yield from compare(seen, reference, fit.source, f"{where}, image {i}")


def _between(logits: Sequence[Floats]) -> float:
    """A score that a few cells exceed, whatever the network was trained for.

    It lies in the widest gap there is, where rounding carries no cell across.
    """
    every = np.sort(np.concatenate([level.ravel() for level in logits]).astype(np.float64))[::-1]
    top = every[_MIN_CELLS : _MAX_CELLS + 1]
    widest = int((top[:-1] - top[1:]).argmax())
    return float(1 / (1 + np.exp(-top[widest : widest + 2].mean())))


def compare(
    seen: Instances, reference: Instances, size: tuple[int, int], where: str
) -> Iterator[Row]:
    """How far two readings of one image of `size` (width, height) are apart."""
    pairs = _pairs(seen, reference)
    spare = _NEIGHBOURS if len(reference) == MAX_INSTANCES else 0
    lonely = max(len(seen), len(reference)) - len(pairs)
    yield Row(f"{where}: instances unmatched of {len(reference)}", lonely, spare)
    if not pairs:
        return
    ours, theirs = (list(index) for index in zip(*pairs, strict=True))
    first, second = seen.take(ours), reference.take(theirs)
    off = np.abs(first.boxes - second.boxes) / _allowed(second.boxes)
    yield Row(f"{where}: boxes (of what they may be off)", float(off.max()), 1)
    yield Row(f"{where}: scores", float(np.abs(first.scores - second.scores).max()), _SCORE)
    wrong = [
        float((pasted(a, size) != pasted(b, size)).mean())
        for a, b in zip(first.masks or (), second.masks or (), strict=True)
    ]
    yield Row(f"{where}: masks (share of pixels)", max(wrong, default=0.0), _PIXELS)


def _pairs(seen: Instances, reference: Instances) -> list[tuple[int, int]]:
    """The instances that are the same by class and box; each is used once."""
    free, pairs = set(range(len(seen))), []
    for j, (box, label) in enumerate(zip(reference.boxes, reference.classes, strict=True)):
        near = [
            i
            for i in free
            if seen.classes[i] == label and (np.abs(seen.boxes[i] - box) <= _allowed(box)).all()
        ]
        if near:
            best = min(near, key=lambda i: abs(seen.scores[i] - reference.scores[j]))
            free.remove(best)
            pairs.append((best, j))
    return pairs


def _allowed(boxes: Floats) -> npt.NDArray[np.floating[Any]]:
    return _BOX_PX + _BOX_SHARE * np.abs(boxes)


def _difference(ours: Floats, theirs: Floats) -> float:
    """The greatest difference as a share of the greatest value; infinite where shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


def _picture(seed: int, size: int) -> Image:
    """Soft shapes before a soft background, wider than high: as smooth as photographs are."""
    rng = np.random.default_rng(seed)
    height, width = size * 3 // 4, size
    image = cv2.resize(rng.integers(60, 190, (4, 5, 3)).astype(np.uint8), (width, height))
    for _ in range(8):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = tuple(int(length) for length in rng.integers(size // 24, size // 6, 2))
        colour = tuple(int(value) for value in rng.integers(30, 220, 3))
        cv2.ellipse(image, centre, axes, float(rng.integers(0, 180)), 0, 360, colour, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), size / 320), np.uint8)
