"""Solid: something turned on a lathe, and the materials that it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from distill.data.scenes.profile import Profile

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Finish:
    """A material.

    Attributes:
        colour: linear RGB; of `clear` things what passes one wall of them.
        gloss: of the varnish, 0 to 1.
        rough: mirrors nothing sharply.
    """

    colour: Floats
    gloss: float = 0.5
    rough: bool = False
    metal: bool = False
    clear: bool = False


@dataclass(frozen=True)
class Solid:
    """Something turned on a lathe.

    Attributes:
        cap: what the cap or the lid is made of.
        art: the label's print, in display colours, over the half that is seen.
        drink: linear RGB that passes through what is inside; `level` is how high that stands.
        opening: a cup's inside and what is in it, linear RGB; `depth` to it, in heights.
        handle: -1 on the left, 1 on the right, 0 none.
    """

    profile: Profile
    body: Finish
    cap: Finish | None = None
    art: Image | None = None
    label: Finish | None = None
    drink: Floats | None = None
    level: float = 0.0
    opening: tuple[Floats, Floats] | None = None
    depth: float = 0.15
    handle: int = 0

    @property
    def tall_cm(self) -> float:
        """Height of the object."""
        return self.profile.tall_cm
