"""Scene: which objects stand where and how they move, free of any resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from distill.data.scenes.camera import Camera, draw_camera
from distill.data.scenes.carton import Carton
from distill.data.scenes.catalogue import Thing, draw_object
from distill.data.scenes.light import Light, draw_light
from distill.data.scenes.room import Plan, draw_plan

if TYPE_CHECKING:
    from distill.data.scenes.domain import Domain

_MAX_TRIES = 12


@dataclass(frozen=True)
class Placed:
    """An object at its place; lengths in picture heights, y downwards.

    Attributes:
        x, foot: where it touches the ground at time 0.
        size: its height.
        angle: anticlockwise (rad).
        lying: it has fallen over, and rests on its side.
        elevation: how much of its top is seen.
        drift: a second, to the right.
        sway: to and fro: reach, rad/s, phase.
    """

    class_id: int
    track_id: int
    thing: Thing
    x: float
    foot: float
    size: float
    angle: float
    lying: bool
    elevation: float
    drift: float
    sway: tuple[float, float, float]

    def at(self, time_s: float) -> float:
        """Its x at a time."""
        reach, speed, phase = self.sway
        return self.x + self.drift * time_s + reach * float(np.sin(speed * time_s + phase))


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows, the farthest object first."""

    plan: Plan
    light: Light
    camera: Camera
    placed: tuple[Placed, ...]
    aspect: float
    noise_seed: int


def draw_scene(seed: int, domain: Domain, index: int, aspect: float, *, moving: bool) -> Scene:
    """Scene `index` of a run; `moving` ones are clips'."""
    sequence = np.random.SeedSequence([seed, domain.number, int(moving), index])
    random, things = (np.random.default_rng(child) for child in sequence.spawn(2))
    light = draw_light(random, domain)
    plan = draw_plan(random, domain)
    camera = draw_camera(random, domain, moving=moving)
    placed: list[Placed] = []
    for track_id in range(1, int(things.integers(domain.objects[0], domain.objects[1] + 1)) + 1):
        found = _fitted(things, domain, plan, placed, (track_id, aspect))
        if found is not None:
            placed.append(found)
    placed.sort(key=lambda one: one.foot)
    return Scene(plan, light, camera, tuple(placed), aspect, int(random.integers(2**31)))


def _fitted(
    random: np.random.Generator,
    domain: Domain,
    plan: Plan,
    others: list[Placed],
    which: tuple[int, float],
) -> Placed | None:
    """Look for a place where no object is hidden too much; None where there is none."""
    track_id, aspect = which
    class_id, thing = draw_object(random, domain)
    lying = bool(random.random() < domain.lying) and plan.kind != "shelves"
    angle = random.normal(0, np.radians(domain.lean))
    elevation = plan.elevation
    if lying:
        # A box lies on its side, what is round may point anywhere.
        spread = 0.02 if isinstance(thing, Carton) else 0.12
        angle = random.choice((-1, 1)) * (0.5 + random.uniform(-spread, spread)) * np.pi
        elevation = random.uniform(0.02, 0.4)
    moves = random.random() < 0.5
    drift = (
        random.choice((-1, 1)) * random.uniform(*domain.speed) * (moves and random.random() < 0.5)
    )
    speed = random.uniform(0.8, 2.5)
    reach = random.uniform(*domain.speed) / speed * (moves and drift == 0)
    sway = (reach, speed, random.uniform(0, 2 * np.pi))
    for _ in range(_MAX_TRIES):
        foot, scale = plan.stand(random)
        x = random.uniform(-0.02, aspect + 0.02)
        if others and random.random() < domain.huddle and plan.kind != "shelves":
            friend = others[random.integers(len(others))]
            x = friend.x + random.choice((-1, 1)) * random.uniform(0.2, 0.45) * friend.size
            foot = friend.foot + random.uniform(-0.06, 0.06)
        size = thing.tall_cm / 30 * plan.size * scale
        found = Placed(
            class_id, track_id, thing, x, foot, size, float(angle), lying, elevation, drift, sway
        )
        if all(_hidden(found, other) <= domain.crowding for other in others):
            return found
    return None


def _hidden(first: Placed, second: Placed) -> float:
    """Share of the farther one's frame that the nearer one's covers."""
    far, near = sorted((_extent(first), _extent(second)), key=lambda frame: frame[3])
    wide = min(far[2], near[2]) - max(far[0], near[0])
    tall = min(far[3], near[3]) - max(far[1], near[1])
    area = (far[2] - far[0]) * (far[3] - far[1])
    return max(wide, 0) * max(tall, 0) / area


def _extent(one: Placed) -> tuple[float, float, float, float]:
    half = one.size * (0.5 if one.lying else 0.16)
    tall = one.size * (0.35 if one.lying else 1)
    x = one.at(0)
    return x - half, one.foot - tall, x + half, one.foot
