"""Any Ultralytics segmentation model as a predictor and a teacher: YOLOv8, YOLO11, YOLO26.

A `.pt` of theirs is a pickle of a whole model, code included by name. It is read through
Ultralytics' own restricted loading, which knows the classes that a model is made of; older
versions of Ultralytics and PyTorch restrict little. Load only files that you trust.

Models with two heads (YOLO26) are read through the one-to-many head, as the others have it,
unless it was cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from distill.device import device_of
from distill.files import sha256_of
from distill.predict.hooks import tap
from distill.predict.predictor import Dense
from models.classes import class_specs
from models.decode.yolo_seg import MASK_GROW, YoloSegDecoder
from models.errors import ModelError
from models.input_spec import InputSpec
from models.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from distill.predict.predictor import Image
    from models.instances import Instances

_ANCHOR_OFFSET = 0.5
"""Where in its cell an anchor stands: in its middle."""

_BRANCHES = ("cv2", "cv3", "cv4")

_DEFAULT_SIZE = 640
"""Side of the input (px) of the published networks, and of files that say none."""


@dataclass(frozen=True)
class FusedModel:
    """A model as it is run: BatchNorm fused into convolutions, in eval mode, on the CPU.

    Attributes:
        model: gives predictions and prototypes as an export does, through the one-to-many head.
        head: its last module.
        sha256: of its file.
        classes: names by class id.
        image_size: side of the square input that it was trained at, pixels.
    """

    model: Any
    head: Any
    sha256: str
    classes: tuple[str, ...]
    image_size: int


class UltralyticsTeacher:
    """One network in eval mode; a `distill.predict.predictor.Teacher`."""

    def __init__(
        self,
        path: Path,
        *,
        image_size: int | None = None,
        device: str = "auto",
        as_device: bool = False,
    ) -> None:
        """Load it.

        Args:
            path: a `.pt` that you trust.
            image_size: side of the square that images are fitted into, pixels, a multiple of 32;
                None for the one that it was trained at.
            device: see `device_of`.
            as_device: masks reach beyond their boxes, as the device hides them; else they end
                there, as Ultralytics has it.

        Raises:
            ModelError: it can't be loaded, does not segment, or has a class name twice.
            UsageError: there is no such device.
        """
        self._device = device_of(device)
        loaded = load_fused(path)
        if len(set(loaded.classes)) < len(loaded.classes):
            # A student of such names can be packed; a teacher's are what labels are matched by.
            raise ModelError(f"{path}: a class name appears twice; give each its own")
        self.name, self.sha256, self.classes = path.stem, loaded.sha256, loaded.classes
        self._head, self._model = loaded.head, loaded.model.to(self._device)
        side = image_size or loaded.image_size
        self._spec = InputSpec(width=side, height=side)
        grow = MASK_GROW if as_device else 0.0
        self._decoder = YoloSegDecoder(self._spec, len(self.classes), mask_grow=grow)

    def predict(self, images: Sequence[Image], *, min_score: float) -> list[Instances]:
        """Instances of each RGB uint8 [h, w, 3] image, in its own pixels, best score first."""
        if not images:
            return []
        inputs, fits = zip(*(preprocess(image, self._spec) for image in images), strict=True)
        with torch.inference_mode():
            raw = self._model(torch.from_numpy(np.concatenate(inputs)).to(self._device))
        predictions, prototypes = (output.numpy(force=True) for output in raw)
        return [
            self._decoder.decode(
                [predictions[i : i + 1], prototypes[i : i + 1]], fit, min_score=min_score
            )
            for i, fit in enumerate(fits)
        ]

    def dense(self, batch: Tensor) -> Dense:
        """Raw predictions for RGB float [B, 3, H, W] from 0 to 1; H and W are multiples of 32."""
        head = self._head
        branches = branches_of(head)
        levels = range(len(head.stride))
        features: list[Tensor] = []
        listener = head.register_forward_pre_hook(lambda _head, inputs: features.extend(inputs[0]))
        parts = [branch[i] for branch in branches for i in levels]
        with torch.no_grad(), listener, tap([*parts, head.proto]) as seen:
            self._model(batch.to(self._device))
            distances, logits, coefficients = (
                tuple(seen[branch[i]] for i in levels) for branch in branches
            )
            strides = tuple(int(stride) for stride in head.stride)
            with torch.autocast(self._device.type, enabled=False):  # half of it is pixels off
                boxes = tuple(
                    corners(
                        head.dfl(level.float().flatten(2)).unflatten(2, level.shape[2:]), stride
                    )
                    for level, stride in zip(distances, strides, strict=True)
                )
            weights = torch.cat([level.flatten(2) for level in coefficients], dim=2)
        prototypes = seen[head.proto]

        def draw(image: int, anchors: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.einsum("cn,chw->nhw", weights[image, :, anchors], prototypes[image])

        mask_stride = batch.shape[-1] // prototypes.shape[-1]
        return Dense(strides, tuple(features), logits, boxes, mask_stride, draw)


def branches_of(head: Any) -> tuple[Any, Any, Any]:
    """Branches of sides, classes and coefficients, a part a level, that a head is read through."""
    prefix = "one2one_" if head.cv2 is None else ""
    sides, classes, coefficients = (getattr(head, f"{prefix}{name}") for name in _BRANCHES)
    return sides, classes, coefficients


def corners(sides: Tensor, stride: int) -> Tensor:
    """Distances in cells to the left, top, right and bottom [B, 4, h, w] to x0 y0 x1 y1 in pixels."""
    height, width = sides.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=sides.device) + _ANCHOR_OFFSET,
        torch.arange(width, device=sides.device) + _ANCHOR_OFFSET,
        indexing="ij",
    )
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=1) * stride


def load_fused(path: Path) -> FusedModel:
    """A model, ready to be run.

    Args:
        path: a `.pt` that you trust.

    Raises:
        ModelError: it can't be loaded, or does not segment.
    """
    sha256 = sha256_of(path, ModelError)  # a file that is not there would be looked for elsewhere
    model, trained_at = _load(path)
    head = model.model[-1]
    classes = _names(path, model, head.nc)
    if head.cv2 is not None:
        head.end2end = False
    model = model.fuse(verbose=False).eval().requires_grad_(False)
    head.export = True  # predictions and prototypes, and nothing else
    return FusedModel(model, head, sha256, classes, trained_at)


def load_weights(path: Path) -> Any:
    """A network as it was saved, on the CPU in float32.

    Args:
        path: a `.pt` that you trust.

    Raises:
        ModelError: it can't be loaded, or does not segment.
    """
    return _load(path)[0]


def _load(path: Path) -> tuple[Any, int]:
    """A network as it was saved, and the size that it was trained at."""
    import distill.quiet  # noqa: F401, PLC0415 before anything of theirs

    # isort: split
    from ultralytics.nn.tasks import torch_safe_load  # noqa: PLC0415 takes seconds

    try:
        content, _ = torch_safe_load(str(path), safe_only=True)
        model = content.get("ema") or content["model"]
        found = model.float(), _trained_at(content.get("train_args"))
    except Exception as error:  # theirs share no base
        reason = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
        raise ModelError(f"{path}: Ultralytics can't load it: {reason}") from error
    _check_segments(path, model)
    return found


def _trained_at(arguments: Any) -> int:
    size = arguments.get("imgsz") if isinstance(arguments, dict) else None
    if type(size) is int and size % 32 == 0 and 32 <= size <= 4096:
        return size
    return _DEFAULT_SIZE


def _check_segments(path: Path, model: Any) -> None:
    head: nn.Module = model.model[-1]
    if not all(hasattr(head, name) for name in ("cv2", "cv3", "cv4", "proto", "stride", "nc")):
        raise ModelError(
            f"{path}: a '{type(head).__name__}' network of Ultralytics, which gives no masks; "
            "take a segmentation model (its name ends in -seg)"
        )


def _names(path: Path, model: Any, count: int) -> tuple[str, ...]:
    """A name for each class, as a bundle would have it; several classes may have one name."""
    names = model.names
    if isinstance(names, dict):
        names = [names.get(i) for i in range(len(names))]
    if len(names) != count:
        raise ModelError(f"{path}: knows {count} classes, but there are {len(names)} names")
    return tuple(spec.name for spec in class_specs(names))
