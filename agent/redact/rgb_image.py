"""Redacts an RGB image: the effects of a video, with no step through YUV.

So what lies outside the cover stays exactly as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.redact.hide import CoverShape, Layer, hide_patches, hide_whole, whole_reason
from agent.redact.patch import patches_of

if TYPE_CHECKING:
    from agent.frames.cover import Cover
    from agent.frames.frame import Plane
    from agent.redact.effect import Effect


def redact_rgb(rgb: Plane, cover: Cover, effect: Effect, shape: CoverShape = "mask") -> Plane:
    """Hide what the cover says in a copy of an RGB image, uint8 [h, w, 3].

    Raises:
        UsageError: when the image is not RGB of 8 bits.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != "uint8":
        raise UsageError(f"an RGB image is uint8 [h, w, 3], not {rgb.dtype} {list(rgb.shape)}")
    hidden = rgb.copy()
    layers = [Layer(hidden, effect.rgb)]
    if whole_reason(cover) is None:
        size = rgb.shape[1], rgb.shape[0]
        hide_patches(layers, (patch for _, patch in patches_of(cover, size, effect)), shape)
    else:
        hide_whole(layers, [rgb], effect.on_frame())
    return hidden
