"""Heads: which outputs of a network say what, by its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models.decode.rtmdet_ins import OUTPUT_NAMES
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.errors import ModelError

if TYPE_CHECKING:
    from models.manifest import Manifest

Kind = Literal["class", "box", "coefficient", "prototype"]

_BEGINNINGS: dict[Kind, tuple[str, ...]] = {
    "class": ("classes_", "cls"),
    "box": ("boxes_", "reg"),
    "coefficient": ("coefficients_", "kernel"),
    "prototype": ("prototypes", "mask_feat"),
}
"""Of the names of outputs: those of raw heads, and those of RTMDet-Ins."""


def heads_of(manifest: Manifest) -> dict[Kind, tuple[str, ...]]:
    """The outputs of a network by what they say.

    Raises:
        ModelError: it has others than our exports have.
    """
    if manifest.outputs not in (RAW_OUTPUTS, OUTPUT_NAMES):
        raise ModelError(
            "only networks that sfumato-distill exports can be quantised, because the outputs of "
            "others put scores and boxes into one tensor; give the student's weights"
        )
    return {
        kind: tuple(name for name in manifest.outputs if name.startswith(beginnings))
        for kind, beginnings in _BEGINNINGS.items()
    }
