"""Student: the network that is packed, of either family, in PyTorch and as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distill.errors import UsageError
from distill.export import Flat, rtmdet_metadata, to_onnx
from models.decode.rtmdet_ins import OUTPUT_NAMES, input_spec
from models.preprocess import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from models.manifest import Family

    Floats = npt.NDArray[np.float32]
    Size = tuple[int, int]

_YOLO_OUTPUTS = ("output0", "output1")
"""How Ultralytics names predictions and prototypes."""


@dataclass(frozen=True)
class Student:
    """One network.

    Attributes:
        sha256: of its file.
        classes: names by class id.
        family: how its outputs are read.
        spec: how it is fed.
        outputs: their names, in the decoder's order.
        module: images [B, 3, h, w] as `spec` has them to a tuple of raw outputs; on the CPU.
        metadata: what its ONNX file tells `sfumato model import`.
    """

    sha256: str
    classes: tuple[str, ...]
    family: Family
    spec: InputSpec
    outputs: tuple[str, ...]
    module: nn.Module
    metadata: Mapping[str, str]

    def run(self, images: Floats) -> tuple[Floats, ...]:
        """Raw outputs of PyTorch for images [B, 3, h, w]."""
        with torch.inference_mode():
            return tuple(output.numpy() for output in self.module(torch.from_numpy(images)))

    def to_onnx(self, *, dynamic: bool) -> bytes:
        """The network as an ONNX file in FP32, for one image or (`dynamic`) any batch."""
        return to_onnx(self.module, self.spec, self.outputs, self.metadata, dynamic=dynamic)


def read_student(path: Path, size: Size | None = None) -> Student:
    """The student in a file: `.pt` is Ultralytics, `.safetensors` and `.pth` are RTMDet-Ins.

    Args:
        path: the file. Take a `.pt` only from people you trust; it is a pickle.
        size: width, height of the input, multiples of 32; None for the square that it was
            trained at.

    Raises:
        ModelError: the file can't be read, or does not segment.
        UsageError: its name has another ending.
    """
    if path.suffix == ".pt":
        return _of_ultralytics(path, size)
    if path.suffix in {".pth", ".safetensors"}:
        return _of_rtmdet(path, size)
    raise UsageError(
        f"{path}: a student's weights end in .pt (Ultralytics), .safetensors or .pth (RTMDet-Ins)"
    )


def _of_ultralytics(path: Path, size: Size | None) -> Student:
    from distill.predict.ultralytics import load_fused  # noqa: PLC0415 seconds, one family a run

    loaded = load_fused(path)
    width, height = size or (loaded.image_size,) * 2
    module = _Fixed(loaded.model, loaded.head, (height, width))
    metadata = {
        "task": "segment",
        "names": str(dict(enumerate(loaded.classes))),
        "imgsz": str([height, width]),
        "stride": str(int(max(loaded.head.stride))),
    }
    spec = InputSpec(width=width, height=height)
    return Student(
        loaded.sha256, loaded.classes, "yolo_seg", spec, _YOLO_OUTPUTS, module.eval(), metadata
    )


def _of_rtmdet(path: Path, size: Size | None) -> Student:
    from models.nets.checkpoint import read_checkpoint  # noqa: PLC0415 one family a run

    read = read_checkpoint(path)
    width, height = size or (read.image_size,) * 2
    spec = input_spec().model_copy(update={"width": width, "height": height})
    metadata, module = rtmdet_metadata(read.classes, spec), Flat(read.net()).eval()
    return Student(read.sha256, read.classes, "rtmdet_ins", spec, OUTPUT_NAMES, module, metadata)


class _Fixed(nn.Module):
    """A network of Ultralytics for images of one size, in any number.

    Its head keeps the grid of anchors that it last made, and makes another where the images'
    shape is another: with the number of images as a variable that would be part of the export.
    """

    def __init__(self, model: nn.Module, head: Any, size: Size) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            model(torch.zeros(1, 3, *size))
        head.shape = _EveryShape()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(images))


class _EveryShape:
    """Equal to any."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment] # the language's own way
