"""Domain: how a family of scenes looks. `a` is easy and bright, `b` is dim, cluttered and shaky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Range = tuple[float, float]

CLASSES = ("bottle", "can", "cup", "jar", "box")


@dataclass(frozen=True)
class Domain:
    """Ranges that a scene is drawn from.

    Attributes:
        objects: how many stand there.
        bottles: share of them that are bottles.
        kinds: silhouettes of bottles, with their weights.
        size: height of a thing 30 cm tall, in picture heights.
        elevation: sine of the angle that the camera looks down with.
        lying: share of objects that have fallen over.
        lean: of those that stand (degrees, standard deviation).
        crowding: share of an object that the next one may hide.
        huddle: probability that an object is put close to another.
        clutter: probability of a busy wall, and of a patterned table.
        exposure: brightness of the picture.
        warmth: below 0 cool, above 0 warm.
        ambient: share of the light that comes from everywhere.
        noise: standard deviation in a grey of 0 to 1, after the gamma.
        defocus: standard deviation of the blur, in thousandths of the picture's height.
        jpeg: the camera's own quality.
        exposure_s: how long the shutter is open.
        shake: how far the camera wanders, in picture heights.
        speed: of what moves, in picture heights a second.
    """

    number: int
    objects: tuple[int, int]
    bottles: float
    kinds: Mapping[str, float]
    size: Range
    elevation: Range
    lying: float
    lean: float
    crowding: float
    huddle: float
    clutter: float
    exposure: Range
    warmth: Range
    ambient: Range
    noise: Range
    defocus: Range
    jpeg: tuple[int, int]
    exposure_s: Range
    shake: Range
    speed: Range


DOMAINS: Mapping[str, Domain] = {
    "a": Domain(
        number=0,
        objects=(3, 7),
        bottles=0.42,
        kinds={"wine": 0.3, "water": 0.48, "beer": 0.14, "squeeze": 0.08},
        size=(0.5, 0.86),
        elevation=(0.08, 0.3),
        lying=0.03,
        lean=1.0,
        crowding=0.35,
        huddle=0.2,
        clutter=0.12,
        exposure=(1.0, 1.4),
        warmth=(-0.08, 0.12),
        ambient=(0.45, 0.65),
        noise=(0.003, 0.01),
        defocus=(0.3, 1.0),
        jpeg=(85, 96),
        exposure_s=(0.002, 0.008),
        shake=(0.0, 0.01),
        speed=(0.05, 0.3),
    ),
    "b": Domain(
        number=1,
        objects=(6, 13),
        bottles=0.4,
        kinds={"wine": 0.22, "water": 0.16, "beer": 0.34, "squeeze": 0.28},
        size=(0.24, 0.5),
        elevation=(0.1, 0.5),
        lying=0.22,
        lean=5.0,
        crowding=0.6,
        huddle=0.55,
        clutter=0.88,
        exposure=(0.38, 0.75),
        warmth=(-0.5, 0.6),
        ambient=(0.25, 0.45),
        noise=(0.016, 0.042),
        defocus=(0.7, 2.2),
        jpeg=(45, 85),
        exposure_s=(0.01, 0.033),
        shake=(0.008, 0.03),
        speed=(0.1, 0.6),
    ),
}
