"""Student: the network that is packed, of either family, in PyTorch and as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from distill.errors import UsageError
from distill.export import Flat, metadata_of, to_onnx
from distill.pack.shapes import shapes_of
from models.decode.rtmdet_ins import OUTPUT_NAMES, input_spec
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.input_spec import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from models.manifest import Family, Size

    Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Student:
    """One network.

    Attributes:
        sha256: of its file.
        classes: names by class id.
        family: how its outputs are read.
        spec: how it is fed, at the size that thresholds and figures hold for.
        outputs: their names, in the decoder's order.
        module: images [B, 3, h, w] as `spec` has them to a tuple of raw outputs; on the CPU.
        metadata: what its ONNX file tells `sfumato model import`.
        others: other sizes of input, width and height.
    """

    sha256: str
    classes: tuple[str, ...]
    family: Family
    spec: InputSpec
    outputs: tuple[str, ...]
    module: nn.Module
    metadata: Mapping[str, str]
    others: tuple[Size, ...] = ()

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Widths and heights of the input; the first is that of `spec`."""
        return ((self.spec.width, self.spec.height), *self.others)

    def run(self, images: Floats) -> tuple[Floats, ...]:
        """Raw outputs of PyTorch for images [B, 3, h, w]."""
        with torch.inference_mode():
            return tuple(output.numpy() for output in self.module(torch.from_numpy(images)))

    def to_onnx(self, *, dynamic: bool) -> bytes:
        """The network as an ONNX file in FP32, for one image or (`dynamic`) any batch.

        Height and width are free where there are several sizes.
        """
        return to_onnx(
            self.module,
            self.spec,
            self.outputs,
            self.metadata,
            any_batch=dynamic,
            any_size=bool(self.others),
        )


def read_student(path: Path, sizes: Sequence[Size] = ()) -> Student:
    """The student in a file: `.pt` is Ultralytics, `.safetensors` and `.pth` are RTMDet-Ins.

    Args:
        path: the file. Take a `.pt` only from people you trust; it is a pickle.
        sizes: widths and heights of the input, multiples of 32, first the one that thresholds and
            figures hold for; none: the square that it was trained at, and its `shapes_of`.

    Raises:
        ModelError: the file can't be read, does not segment, or has other levels than three.
        UsageError: its name has another ending.
    """
    if path.suffix == ".pt":
        return _of_ultralytics(path, sizes)
    if path.suffix in {".pth", ".safetensors"}:
        return _of_rtmdet(path, sizes)
    raise UsageError(
        f"{path}: a student's weights end in .pt (Ultralytics), .safetensors or .pth (RTMDet-Ins)"
    )


def _of_ultralytics(path: Path, sizes: Sequence[Size]) -> Student:
    from distill.pack.raw_heads import RawHeads  # noqa: PLC0415 as below
    from distill.predict.ultralytics import load_fused  # noqa: PLC0415 seconds, one family a run

    loaded = load_fused(path)
    (width, height), *others = dict.fromkeys(sizes or shapes_of(loaded.image_size))
    spec = InputSpec(width=width, height=height)
    loaded.model.model[-1] = RawHeads(loaded.head)
    return Student(
        loaded.sha256,
        loaded.classes,
        "yolo_seg",
        spec,
        RAW_OUTPUTS,
        _Only(loaded.model).eval(),
        metadata_of("yolo_seg", loaded.classes, spec, others),
        tuple(others),
    )


def _of_rtmdet(path: Path, sizes: Sequence[Size]) -> Student:
    from models.nets.checkpoint import read_checkpoint  # noqa: PLC0415 one family a run

    read = read_checkpoint(path)
    (width, height), *others = dict.fromkeys(sizes or shapes_of(read.image_size))
    spec = input_spec().model_copy(update={"width": width, "height": height})
    return Student(
        read.sha256,
        read.classes,
        "rtmdet_ins",
        spec,
        OUTPUT_NAMES,
        Flat(read.net()).eval(),
        metadata_of("rtmdet_ins", read.classes, spec, others),
        tuple(others),
    )


class _Only(nn.Module):
    """A network of Ultralytics that takes images and nothing else."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.model(images)
        return outputs
