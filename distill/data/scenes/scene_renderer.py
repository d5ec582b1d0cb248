"""Scene renderer: a scene at one resolution; it is painted once, then exposed at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes.actor import bake, stand_of
from distill.data.scenes.compose import chained, compose, warped
from distill.data.scenes.room import CATCH_STEP, MARGIN, paint_room

if TYPE_CHECKING:
    from distill.data.scenes.scene import Scene

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_MAX_MOMENTS = 5
_STILL_PX, _STEP_PX = 0.8, 2
"""How far anything may go in one moment of an exposure, and between two."""

_GROUND_STEP, _CONTACT_STEP = 4, 2


@dataclass(frozen=True)
class Exposure:
    """What fell on the sensor.

    Attributes:
        light: float32 [h, w, 3], linear, the mean of the exposure.
        owner: int16 [h, w], the track whose pixel it is at the exposure's middle; 0 is nobody's.
        shade: float32 [h, w], what the objects' shadows leave of the room's light, at the middle.
    """

    light: Floats
    owner: npt.NDArray[np.int16]
    shade: Floats


class SceneRenderer:
    """Room and objects of `scene`, baked for pictures of `size` (width, height)."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self.scene, self.size = scene, size
        self._backdrop = paint_room(scene.plan, scene.light, scene.aspect, size[1])
        self._actors = [bake(placed, scene, size[1]) for placed in scene.placed]
        towards = scene.light.towards
        steep = max(float(towards[1]), 0.5)
        # Where a point one unit above the ground throws its shadow: to the right, and down.
        self._throw = np.array(
            [
                np.clip(-towards[0] / steep, -1.2, 1.2),
                _at_least(
                    np.clip(-towards[2] / steep, -0.9, 0.7) * (0.12 + scene.plan.elevation),
                    0.1 + 0.2 * scene.plan.elevation,  # things are as deep as they are wide
                ),
            ]
        )

    def silhouette_px(self, track_id: int) -> float:
        """Area of an object if nothing hid it, nor the picture's edge (px², zoom aside)."""
        actor = next(one for one in self._actors if one.placed.track_id == track_id)
        return actor.covers * self.size[1] ** 2

    def expose(self, time_s: float) -> Exposure:
        """Open the shutter around `time_s`."""
        open_s = self.scene.camera.exposure_s
        moments = self._moments(time_s, open_s)
        # Shadows are soft enough to be the middle's all the time.
        shade = self._shade(self._camera(time_s), time_s)
        total, owner = self._moment(time_s, shade)
        for moment in moments:
            if moment != time_s:
                total += self._moment(moment, shade)[0]
        total /= np.float32(len(moments))
        return Exposure(total, owner, shade)

    def _moments(self, time_s: float, open_s: float) -> list[float]:
        """An odd number of moments, so close that nothing jumps."""
        first, last = (self._camera(time_s + open_s * share) for share in (-0.5, 0.5))
        points = [np.array([x, y, 1]) for x in (0, self.scene.aspect) for y in (0, 1)]
        far = [np.linalg.norm(last @ point - first @ point) for point in points]
        for actor in self._actors:
            begin = np.array([actor.placed.at(time_s - open_s / 2), actor.placed.foot, 1])
            end = np.array([actor.placed.at(time_s + open_s / 2), actor.placed.foot, 1])
            far.append(np.linalg.norm(last @ end - first @ begin))
        steps = int(np.ceil((max(far) - _STILL_PX) / (2 * _STEP_PX)))
        count = 1 + 2 * int(np.clip(steps, 0, _MAX_MOMENTS // 2))
        return [time_s + open_s * (i - count // 2) / count for i in range(count)]

    def _camera(self, time_s: float) -> Matrix:
        return self.scene.camera.wander.matrix(time_s, self.scene.aspect, self.size[1])

    def _moment(self, time_s: float, shade: Floats) -> tuple[Floats, npt.NDArray[np.int16]]:
        """Light and owners at one time."""
        camera = self._camera(time_s)
        matrix = chained(camera, np.array([[1, 0, -MARGIN], [0, 1, -MARGIN]]))
        light = warped(
            self._backdrop.light, matrix / (self._backdrop.px, self._backdrop.px, 1), self.size
        )
        light = np.asarray(cv2.multiply(light, cv2.merge([shade] * 3)), np.float32)
        owner = np.zeros(self.size[::-1], np.int16)
        for actor in self._actors:
            compose(actor, chained(camera, stand_of(actor, time_s)), light, owner)
        return light, owner

    def _shade(self, camera: Matrix, time_s: float) -> Floats:
        """Shadows: soft ones that are thrown, and dark ones where things touch the ground."""
        wide, tall = self.size
        small = -(-wide // _GROUND_STEP), -(-tall // _GROUND_STEP)
        half = -(-wide // _CONTACT_STEP), -(-tall // _CONTACT_STEP)
        thrown = np.zeros(small[::-1], np.float32)
        contact = np.zeros(half[::-1], np.float32)
        zoom = float(np.hypot(*camera[:, 0]))
        for actor in self._actors:
            stand = stand_of(actor, time_s)
            placed, x = actor.placed, actor.placed.at(time_s)
            # A point's height above the foot becomes a way along the ground.
            shear = np.array([[1, -self._throw[0]], [0, -self._throw[1]]])
            foot = np.array([x, placed.foot])
            fallen = np.column_stack([shear, foot - shear @ foot])
            matrix = chained(camera, chained(fallen, stand)) / _GROUND_STEP
            alpha = actor.sprite.paint[..., 3]
            np.maximum(thrown, warped(alpha, matrix, small) * actor.veil, out=thrown)
            centre = (camera @ (*foot, 1)) / _CONTACT_STEP
            axes = np.array(actor.ground) * zoom / _CONTACT_STEP * (1.12, 1.25) + 0.5
            cv2.ellipse(
                contact,
                tuple(int(v) for v in (centre * 16).round()),
                tuple(int(v) for v in (axes * 16).round()),
                0, 0, 360, 1.0, -1, cv2.LINE_AA, 4,
            )  # fmt: skip
        soft = 0.022 * tall / _GROUND_STEP
        thrown = cv2.GaussianBlur(thrown, (0, 0), max(soft, 0.6))
        contact = cv2.GaussianBlur(contact, (0, 0), max(0.007 * tall / _CONTACT_STEP, 0.5))
        room = chained(camera, np.array([[1, 0, -MARGIN], [0, 1, -MARGIN]]))
        step = CATCH_STEP / self._backdrop.px
        catch = warped(self._backdrop.catch, room * (step, step, 1) / _GROUND_STEP, small)
        strength = np.float32(1.05 - 0.7 * self.scene.light.ambient)
        ground = 1 - strength * thrown * catch
        soft_shade, dark_shade = (
            np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_LINEAR), np.float32)
            for part in (ground, contact)
        )
        return np.asarray(soft_shade * (1 - np.float32(0.62) * dark_shade), np.float32)


def _at_least(value: float, least: float) -> float:
    return float(np.copysign(max(abs(value), least), value))
