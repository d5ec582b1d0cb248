"""Compare: the file that will be shipped with the network that was trained.

PyTorch in FP32 is the truth. First the raw outputs are compared, channel by channel and at every
size, because that needs nothing to be seen; then what the device would hide in the golden frames.
Of a file that was judged (`distill.quantize`) only the latter is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.errors import ModelError
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.self_test import Tolerances, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from distill.pack.student import Student
    from models.golden import GoldenFrame
    from models.manifest import Manifest, Role
    from models.runtime.network import Runnable
    from models.self_test import Verdict

    Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the file may be from PyTorch.

    Attributes:
        raw: greatest difference of a channel's values, as a share of its greatest value.
        seen: of what is seen.
    """

    raw: float
    seen: Tolerances


_MIN_GREATEST = 1e-3
"""Channels whose greatest value is smaller, such as scores of what is not there, say nothing.
Chosen, not measured."""

SELF_TEST = Tolerances(box_px=4.0, score=0.1, mask_iou=0.85)
"""What a device may be off by: it may compute in FP16, as TensorRT does. Chosen, not measured."""

LIMITS: dict[Role, Limits] = {
    "fp32": Limits(1e-3, Tolerances(box_px=0.1, score=0.002, mask_iou=0.95)),
    "fp16": Limits(0.1, Tolerances(box_px=2.0, score=0.03, mask_iou=0.9)),
}
"""By the precision of the file's weights. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How close the file is to PyTorch.

    Attributes:
        raw: see `Limits`; None where raw outputs were not compared.
        line: the worst that differs in what is seen.
        compared: objects that both see.
    """

    raw: float | None
    line: str
    compared: int


def check_parity(
    student: Student,
    model: bytes,
    role: Role,
    frames: Sequence[GoldenFrame],
    manifest: Manifest,
) -> Parity:
    """Compare.

    Args:
        student: in PyTorch.
        model: the file, with its weights in the precision `role`.
        role: see `LIMITS`.
        frames: with what PyTorch sees in them.
        manifest: how the file is fed and read.

    Raises:
        ModelError: they differ; the line names the worst.
    """
    network = network_of(model, manifest)
    limits = LIMITS[role]
    raw = 0.0
    for fed, number in _batches(frames, manifest, network):
        share, name = _difference(student, fed, network.run(fed))
        if not share <= limits.raw:
            width, height = fed.shape[:1:-1]
            raise ModelError(
                f"the exported file differs from PyTorch: {name} is off by {share:.2g} of its "
                f"greatest value at {width}x{height} from golden frame {number} on, {limits.raw:g} "
                "is allowed; nothing was written"
            )
        raw = max(raw, share)
    seen = _seen(frames, manifest, network, limits.seen, "the exported file")
    return Parity(raw, seen.line, seen.compared)


def check_judged(
    network: Runnable, role: Role, frames: Sequence[GoldenFrame], manifest: Manifest
) -> Parity:
    """Compare a network that was judged with PyTorch, as a device will.

    Raises:
        ModelError: they differ by more than a device may.
    """
    seen = _seen(frames, manifest, network, SELF_TEST, f"the file in {role}")
    return Parity(None, seen.line, seen.compared)


def network_of(model: bytes, manifest: Manifest) -> OnnxRuntimeNetwork:
    """The file, fed and read as the manifest says.

    Raises:
        ModelError: it can't be run so.
    """
    return OnnxRuntimeNetwork(model, inputs=manifest.inputs(), outputs=manifest.outputs)


def _seen(
    frames: Sequence[GoldenFrame],
    manifest: Manifest,
    network: Runnable,
    allowed: Tolerances,
    what: str,
) -> Verdict:
    verdict = check(frames, manifest, network, allowed)
    if not verdict.ok:
        raise ModelError(f"{what} differs from PyTorch: {verdict.line}; nothing was written")
    return verdict


def _batches(
    frames: Sequence[GoldenFrame], manifest: Manifest, network: OnnxRuntimeNetwork
) -> Iterator[tuple[Floats, int]]:
    """Frames as they are fed, size by size, and the number of the first; each size has some."""
    for spec in manifest.inputs():
        size = (spec.width, spec.height)
        fed = [
            (preprocess(frame.image, spec)[0], number)
            for number, frame in enumerate(frames, start=1)
            if (frame.size or (manifest.input.width, manifest.input.height)) == size
        ]
        if isinstance(network.input_shape[0], str):  # for any number: all, and more than one
            yield np.concatenate([each for each, _ in [*fed, fed[0]]]), fed[0][1]
        else:
            yield from fed


def _difference(student: Student, fed: Floats, given: Sequence[Floats]) -> tuple[float, str]:
    """The channel that is furthest off: by how much, and which."""
    worst = (0.0, "nothing")
    for name, ours, theirs in zip(student.outputs, given, student.run(fed), strict=True):
        if ours.shape != theirs.shape:
            return float("inf"), f"the shape of {name}"
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            return float("inf"), f"{name} (not finite)"
        axes = tuple(axis for axis in range(theirs.ndim) if axis != 1)
        off = np.abs(ours - theirs).max(axis=axes)
        shares = off / np.maximum(np.abs(theirs).max(axis=axes), _MIN_GREATEST)
        channel = int(shares.argmax())
        worst = max(worst, (float(shares[channel]), f"{name}, channel {channel},"))
    return worst
