"""Lathe: solids of revolution become sprites. Glass, plastic, metal, paper; caps, labels, drink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes.sprite import OVERSAMPLE, Sprite, sprite
from distill.data.scenes.surface import Surface, surface

if TYPE_CHECKING:
    from distill.data.scenes.light import Light
    from distill.data.scenes.solid import Finish, Solid

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def turn(solid: Solid, tall_px: float, elevation: float, angle: float, light: Light) -> Sprite:
    """Render `solid`, `tall_px` tall, for being put down turned by `angle` (rad)."""
    seen = surface(solid.profile, tall_px * OVERSAMPLE, elevation)
    lit = _Lit(seen, angle, light)
    through: Floats | None = None
    if solid.body.clear:
        colour, through = _glass(solid, lit)
    else:
        colour = lit.opaque(solid.body, solid.body.colour, slice(None))
    if solid.label is not None and solid.art is not None:
        low, high = solid.profile.label
        on = (seen.height > low) & (seen.height < high) & ~seen.top
        rows = _rows(on)
        albedo = _wrapped(solid.art, seen, (low, high), rows)
        _cover(colour, through, on, rows, lit.opaque(solid.label, albedo, rows))
    if solid.cap is not None:
        on = (seen.height > solid.profile.cap) | (seen.height < solid.profile.foot_cap) | seen.top
        rows = _rows(on)
        ribs = 1 - 0.1 * (np.sin(np.arcsin(seen.across[rows]) * 34) > 0.3) * ~seen.top[rows]
        albedo = solid.cap.colour * ribs[..., None].astype(np.float32)
        _cover(colour, through, on, rows, lit.opaque(solid.cap, albedo, rows))
    if solid.opening is not None:
        _open(solid, seen, colour, through, lit.diffuse, elevation)
    # Corners see less of the room: the foot, and where a cap meets the body.
    shade = 1 - 0.35 * np.exp(-seen.height / 0.035)
    if 0 < solid.profile.cap < 1 and solid.cap is not None:
        below = np.clip((solid.profile.cap - seen.height) / 0.02, 0, None)
        shade = shade * np.where(seen.height < solid.profile.cap, 1 - 0.4 * np.exp(-below), 1)
    colour = np.asarray(colour * shade[..., None], np.float32)
    base = float(seen.radius[-8:, :].max()) * seen.px
    inside, foot = seen.inside, seen.foot
    if solid.handle:
        colour, inside, through, foot = _with_handle(solid, seen, colour, through, light)
    return sprite(colour, inside, through, foot, seen.px, (base, base * max(elevation, 0.08)))


class _Lit:
    """Light on a surface."""

    def __init__(self, seen: Surface, angle: float, light: Light) -> None:
        self.seen, self.angle, self.light = seen, angle, light
        self.diffuse = light.on(light.diffuse, seen.normal_x, seen.normal_y, angle)
        self.mirror = light.on(light.mirror, seen.normal_x, seen.normal_y, angle)
        aslant = 1 - seen.normal_z
        square = aslant * aslant
        self.fresnel = (0.045 + 0.955 * square * square * aslant)[..., None]  # Schlick, 1994

    def opaque(self, finish: Finish, albedo: Floats, rows: slice) -> Floats:
        """Light from what nothing passes through."""
        seen, light = self.seen, self.light
        diffuse, mirror = self.diffuse[rows], self.mirror[rows]
        if finish.metal or finish.rough:
            normal = seen.normal_x[rows], seen.normal_y[rows]
            satin = light.on(light.satin, *normal, self.angle)
            if finish.metal:
                shine = 0.25 * diffuse + 0.4 * satin + 0.45 * mirror
                return np.asarray(albedo * shine, np.float32)
            mirror = satin
        sheen = np.minimum(self.fresnel[rows], 0.5) * np.float32(finish.gloss)
        return np.asarray(albedo * diffuse + sheen * mirror, np.float32)


def _rows(where: Mask) -> slice:
    """The rows where something is; one where nothing is, for OpenCV takes no empty pictures."""
    found = np.flatnonzero(where.any(axis=1))
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 1)


def _cover(colour: Floats, through: Floats | None, on: Mask, rows: slice, with_: Floats) -> None:
    """Put something opaque on a part; nothing passes through there."""
    np.copyto(colour[rows], with_, where=on[rows][..., None])
    if through is not None:
        through[on] = 0


def _graded(value: Floats, table: npt.NDArray[np.floating[Any]]) -> Floats:
    """Colours [h, w, 3] of a `value` from 0 to 1, from a table [256, 3]."""
    codes = cv2.convertScaleAbs(value, alpha=255)
    return np.asarray(
        cv2.LUT(cv2.merge([codes] * 3), table[:, None].astype(np.float32)), np.float32
    )


_GRADES = np.linspace(0, 1, 256, dtype=np.float32)[:, None]


def _glass(solid: Solid, lit: _Lit) -> tuple[Floats, Floats]:
    """Light from the glass and its drink, and what passes through them."""
    seen, light = lit.seen, lit.light
    # Two walls, seen the more aslant the farther out: edges are dark and full of colour.
    walls = 2 / np.sqrt(np.maximum(_GRADES, 0.15))
    rim = np.square(np.clip((np.sqrt(1 - _GRADES**2) - 0.7) / 0.3, 0, 1))
    passed = _graded(seen.front, solid.body.colour**walls * (1 - 0.45 * rim))
    passed *= 1 - np.minimum(lit.fresnel * 1.2, 0.75)
    shift = -seen.across * np.abs(seen.across) * np.square(seen.across) * seen.radius * 0.7
    colour = lit.diffuse * (0.09 * solid.body.colour)
    if solid.drink is not None and solid.level > 0:
        wet = (seen.height < solid.level) & (seen.height > 0.018)
        rows = _rows(wet)
        thick = seen.front[rows] * seen.radius[rows] / 0.26
        liquid = _graded(np.minimum(thick, 1), solid.drink ** (2 * _GRADES))
        np.multiply(passed[rows], liquid, out=passed[rows], where=wet[rows][..., None])
        glow = lit.diffuse[rows] * (0.1 * solid.drink)
        np.add(colour[rows], glow, out=colour[rows], where=wet[rows][..., None])
        shift = np.where(wet, -1.75 * seen.across * seen.radius, shift)
        surface_ = np.exp(-np.square((seen.height - solid.level) / 0.006))[..., None]
        passed *= 1 - 0.45 * surface_
        colour += surface_ * lit.diffuse * (0.12 * solid.body.colour)
    # The far wall mirrors too, the other way round and dimmed by the colour.
    far = light.on(light.mirror, -0.75 * seen.normal_x, seen.normal_y, lit.angle)
    colour += 1.7 * np.minimum(lit.fresnel, 0.45) * lit.mirror
    colour += far * (0.03 * solid.body.colour**2)
    return colour, np.dstack([passed, shift * np.float32(seen.px)])


def _wrapped(art: Image, seen: Surface, band: tuple[float, float], rows: slice) -> Floats:
    """Linear colours of a print that is bent round the solid."""
    wide = float(seen.radius.max() * np.pi * seen.px)
    if wide < art.shape[1]:  # no finer than the pixels
        size = max(4, round(wide)), max(4, round(art.shape[0] * wide / art.shape[1]))
        art = np.asarray(cv2.resize(art, size, interpolation=cv2.INTER_AREA))
    linear = (art.astype(np.float32) / 255) ** 2
    tall, wide_px = art.shape[:2]
    x = (0.5 + np.arcsin(seen.across[rows]) / np.pi) * (wide_px - 1)
    y = (band[1] - seen.height[rows]) / (band[1] - band[0]) * (tall - 1)
    found = cv2.remap(linear, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _open(
    solid: Solid,
    seen: Surface,
    colour: Floats,
    through: Floats | None,
    diffuse: Floats,
    elevation: float,
) -> None:
    """Paint a cup's mouth: rim, inner wall, and what stands in it."""
    if solid.opening is None or not seen.top.any():
        return
    wall, drink = solid.opening
    far = (1 - 2 * seen.depth) * seen.front  # 1 at the far rim
    ring = np.hypot(seen.across, far)
    radius = float(seen.radius[seen.top].max())
    sunk = solid.depth / max(elevation * radius, 1e-3)
    in_drink = seen.top & (np.hypot(seen.across, far + sunk) < 0.9) & (ring < 0.9)
    in_wall = seen.top & (ring < 0.9) & ~in_drink
    if through is not None:  # of a tumbler only the rim is seen
        rim = seen.top & (ring > 0.92)
        colour[seen.top] *= 0.4
        colour[rim] = 0.5 * diffuse[rim]
        through[seen.top, 3] = 0
        return
    gloom = np.clip(0.75 - 0.45 * np.clip(far, 0, 1) + 0.3 * seen.across, 0.2, 1)[..., None]
    np.copyto(colour, wall * diffuse * gloom * 0.8, where=in_wall[..., None])
    np.copyto(colour, drink * diffuse * 0.9 + 0.01, where=in_drink[..., None])


def _with_handle(
    solid: Solid, seen: Surface, colour: Floats, through: Floats | None, light: Light
) -> tuple[Floats, Mask, Floats | None, tuple[float, float]]:
    """Widen the sprite on one side and bend a tube there."""
    reach = int(0.34 * seen.px)
    left, right = (reach, 0) if solid.handle < 0 else (0, reach)
    pad = ((0, 0), (left, right))
    inside = np.pad(seen.inside, pad)
    colour = np.pad(colour, (*pad, (0, 0)))
    if through is not None:
        through = np.pad(through, (*pad, (0, 0)))
    foot = seen.foot[0] + left, seen.foot[1]
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]].astype(np.float32)
    radius = float(solid.profile.radius(np.linspace(0, 1, 9, dtype=np.float32))[5])
    x = (x + 0.5 - foot[0]) / seen.px * solid.handle - radius + 0.03
    y = (foot[1] - y - 0.5) / seen.px - 0.52
    wide, tall, tube = 0.25, 0.27, 0.05
    ring = np.hypot(x / wide, y / tall)
    offset = (ring - 1) * (wide + tall) / 2 / tube  # -1 to 1 in the tube
    on = (np.abs(offset) < 1) & ~inside & (x > 0)
    out = np.maximum(np.hypot(x, y), 1e-6)
    across = np.where(on, offset * x / out * solid.handle, 0).astype(np.float32)
    up = np.where(on, offset * y / out, 0).astype(np.float32)
    lit = light.on(light.diffuse, across, up, 0.0)
    gleam = light.on(light.mirror, across, up, 0.0)
    handle = solid.body.colour * lit * 0.9 + 0.05 * solid.body.gloss * gleam
    np.copyto(colour, handle, where=on[..., None])
    return colour, inside | on, through, foot
