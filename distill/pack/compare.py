"""Compare: the file that will be shipped with the network that was trained.

PyTorch in FP32 is the truth. First the raw outputs are compared, channel by channel, because
that needs nothing to be seen; then what the device would hide in the golden frames.
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
    from collections.abc import Sequence

    import numpy.typing as npt

    from distill.pack.student import Student
    from models.golden import GoldenFrame
    from models.manifest import Manifest, Role

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

LIMITS: dict[Role, Limits] = {
    "fp32": Limits(1e-3, Tolerances(box_px=0.1, score=0.002, mask_iou=0.95)),
    "fp16": Limits(0.1, Tolerances(box_px=2.0, score=0.03, mask_iou=0.9)),
}
"""By the precision of the file's weights. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How close the file is to PyTorch.

    Attributes:
        raw: see `Limits`.
        line: the worst that differs in what is seen.
        compared: objects that both see.
    """

    raw: float
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
    network = OnnxRuntimeNetwork(model, inputs=manifest.inputs(), outputs=manifest.outputs)
    limits = LIMITS[role]
    batch = np.concatenate([preprocess(frame.image, manifest.input)[0] for frame in frames])
    size = 1
    if isinstance(network.input_shape[0], str):  # for any number: of all, and of more than one
        batch = np.concatenate([batch, batch[:1]])
        size = len(batch)
    raw = 0.0
    for first in range(0, len(batch), size):
        part = batch[first : first + size]
        share, name = _difference(student, part, network.run(part))
        if not share <= limits.raw:
            raise ModelError(
                f"the exported file differs from PyTorch: {name} is off by {share:.2g} of its "
                f"greatest value in golden frame {first + 1}, {limits.raw:g} is allowed; nothing "
                "was written"
            )
        raw = max(raw, share)
    verdict = check(frames, manifest, network, limits.seen)
    if not verdict.ok:
        raise ModelError(
            f"the exported file differs from PyTorch: {verdict.line}; nothing was written"
        )
    return Parity(raw, verdict.line, verdict.compared)


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
