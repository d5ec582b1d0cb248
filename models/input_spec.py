"""InputSpec: how a network wants to be fed, as a bundle's manifest says it.

Apart from `models.preprocess`, which feeds it: who opens a bundle needs neither NumPy nor OpenCV,
and has it read and hashed while they are imported.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.strict_model import StrictModel

Positive = Annotated[float, Field(gt=0)]


class InputSpec(StrictModel):
    """How a network wants to be fed; part of a bundle's manifest."""

    height: int = Field(ge=32, le=4096, description="network input height (px)")
    width: int = Field(ge=32, le=4096, description="network input width (px)")
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (255.0, 255.0, 255.0)
    pad_value: int = Field(114, ge=0, le=255, description="grey of the letterbox bars")
    letterbox: Literal["centre", "corner", "stretch"] = Field(
        "centre", description="bars around, bars right and below, or no bars and no aspect ratio"
    )
