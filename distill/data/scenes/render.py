"""Scenes as pictures: one photograph, or a clip frame by frame, each with its masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distill.data.scenes.domain import DOMAINS
from distill.data.scenes.scene import draw_scene
from distill.data.scenes.scene_renderer import SceneRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 25
"""Frames a second in a clip."""


@dataclass(frozen=True)
class Instance:
    """One object in one picture.

    Attributes:
        class_id: index into `CLASSES`.
        track_id: the same in all frames of a clip, from 1.
        mask: uint8 [h, w], 1 on its visible pixels.
        visible: share of its silhouette that these are; the rest is hidden or out of the picture.
    """

    class_id: int
    track_id: int
    mask: npt.NDArray[np.uint8]
    visible: float


@dataclass(frozen=True)
class Rendered:
    """RGB uint8 [h, w, 3] and what is on it; masks are disjoint."""

    image: npt.NDArray[np.uint8]
    instances: list[Instance]


def render_scene(seed: int, domain: str, index: int, size: tuple[int, int]) -> Rendered:
    """Photograph scene `index`; `size` is (width, height), `domain` a key of `DOMAINS`."""
    scene = draw_scene(seed, DOMAINS[domain], index, size[0] / size[1], moving=False)
    return _photograph(SceneRenderer(scene, size), 0)


def render_clip(
    seed: int, domain: str, index: int, size: tuple[int, int], frames: int
) -> Iterator[Rendered]:
    """Film clip `index`: `frames` frames, `RATE` a second."""
    scene = draw_scene(seed, DOMAINS[domain], index, size[0] / size[1], moving=True)
    renderer = SceneRenderer(scene, size)
    for frame in range(frames):
        yield _photograph(renderer, frame)


def _photograph(renderer: SceneRenderer, frame: int) -> Rendered:
    exposure = renderer.expose(frame / RATE)
    noise = np.random.default_rng([renderer.scene.noise_seed, frame])
    image = renderer.scene.camera.develop(exposure.light, noise)
    instances = []
    for placed in renderer.scene.placed:
        mask = (exposure.owner == placed.track_id).astype(np.uint8)
        area = int(mask.sum())
        if area:
            share = min(1.0, area / renderer.silhouette_px(placed.track_id))
            instances.append(Instance(placed.class_id, placed.track_id, mask, share))
    return Rendered(image, instances)
