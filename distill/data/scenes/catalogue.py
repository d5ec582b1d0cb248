"""Catalogue: one object at a time, chosen at random in what a domain allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distill.data.scenes.carton import Carton
from distill.data.scenes.domain import CLASSES
from distill.data.scenes.prints import draw_print
from distill.data.scenes.solid import Finish, Solid
from distill.data.scenes.vessels import BOTTLES, CANS, CUPS, JARS

if TYPE_CHECKING:
    from distill.data.scenes.domain import Domain
    from distill.data.scenes.profile import Profile

Floats = npt.NDArray[np.float32]
Colour = tuple[int, int, int]
Thing = Solid | Carton

# Glass, in linear light: what passes one wall.
_GREEN, _OLIVE, _BROWN = (0.12, 0.34, 0.13), (0.3, 0.36, 0.1), (0.42, 0.17, 0.035)
_CLEAR, _BLUISH, _BLUE = (0.93, 0.95, 0.94), (0.8, 0.92, 0.97), (0.12, 0.3, 0.72)
_GLASSES = {"wine": (_GREEN, _OLIVE, _CLEAR, _GREEN), "beer": (_BROWN, _BROWN, _GREEN, _CLEAR)}
_DRINKS = {
    "wine": ((0.25, 0.012, 0.03), (0.92, 0.8, 0.35), (0.85, 0.45, 0.38)),
    "beer": ((0.85, 0.5, 0.07), (0.55, 0.2, 0.03)),
    "water": ((0.95, 0.98, 0.98), (0.9, 0.42, 0.06), (0.35, 0.12, 0.05), (0.72, 0.88, 0.3)),
}
_SQUEEZED = (
    (178, 26, 22), (226, 176, 26), (236, 232, 220), (40, 112, 66), (44, 84, 160),
    (226, 120, 40), (88, 48, 120), (220, 150, 170),
)  # fmt: skip


def draw_object(random: np.random.Generator, domain: Domain) -> tuple[int, Thing]:
    """A class and an object of it."""
    if random.random() < domain.bottles:
        return 0, _bottle(random, domain)
    class_id = int(random.integers(1, len(CLASSES)))
    make = (_can, _cup, _jar, _box)[class_id - 1]
    return class_id, make(random)


def _linear(colour: tuple[float, ...] | npt.NDArray[np.float64]) -> Floats:
    return ((np.asarray(colour, np.float32) / 255) ** 2).astype(np.float32)


def _vivid(random: np.random.Generator) -> Colour:
    """A saturated print colour."""
    hue = random.uniform(0, 6)
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    value, chroma = random.uniform(90, 230), random.uniform(0.3, 0.85)
    return _rgb(value * (1 - chroma * (1 - wheel)))


def _rgb(colour: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = (int(v) for v in np.clip(colour, 0, 255))
    return red, green, blue


def _paper(random: np.random.Generator) -> Colour:
    if random.random() < 0.5:
        return _rgb(random.uniform(205, 245) + random.uniform(-14, 8, 3))
    return _vivid(random)


def _ink(random: np.random.Generator) -> Colour:
    return _rgb(random.uniform(10, 110, 3)) if random.random() < 0.6 else _vivid(random)


def _varied(random: np.random.Generator, profile: Profile, spread: float) -> Profile:
    """As slim, or as stout, as one among many."""
    stout = random.uniform(1 - spread, 1 + spread)
    radii = tuple(radius * stout for radius in profile.radii)
    return replace(profile, radii=radii, tall_cm=profile.tall_cm * random.uniform(0.92, 1.08))


def _art(random: np.random.Generator, profile: Profile) -> npt.NDArray[np.uint8]:
    low, high = profile.label
    aspect = (high - low) / (np.pi * max(profile.radii))
    return draw_print(random, aspect, _paper(random), _ink(random))


def _bottle(random: np.random.Generator, domain: Domain) -> Solid:
    names = list(domain.kinds)
    kind = str(random.choice(names, p=list(domain.kinds.values())))
    profiles = BOTTLES[kind]
    profile = _varied(random, profiles[random.integers(len(profiles))], 0.1)
    cap_gloss = Finish(_linear(_vivid(random)), 0.7)
    label = Finish(np.ones(3, np.float32), 0.25, rough=True)
    art = _art(random, profile) if random.random() < 0.85 else None
    if kind == "squeeze":
        body = Finish(_linear(_SQUEEZED[random.integers(len(_SQUEEZED))]), 0.8)
        white = Finish(_linear((225, 225, 222)), 0.6)
        return Solid(profile, body, white if random.random() < 0.5 else cap_gloss, art, label)
    drinks = _DRINKS[kind]
    drink = np.array(drinks[random.integers(len(drinks))], np.float32)
    level = random.uniform(0.25, 0.8) if random.random() < 0.85 else 0.0
    if kind == "water":
        tone = (_CLEAR, _BLUISH, _BLUISH, _GREEN, _BLUE)[
            int(random.choice(5, p=(0.35, 0.3, 0.2, 0.1, 0.05)))
        ]
        wall = np.array(tone, np.float32) ** 0.6
        body = Finish(wall, clear=True)
        if random.random() < 0.55:
            drink = np.array(drinks[0], np.float32)
        return Solid(profile, body, cap_gloss, art, label, drink, level)
    glasses = _GLASSES[kind]
    tint = np.array(glasses[random.integers(len(glasses))], np.float32)
    glass = (tint ** random.uniform(0.7, 1.1)).astype(np.float32)
    foil = Finish(_linear(_vivid(random)) * 0.7, 0.6, rough=True, metal=kind == "beer")
    cap: Finish | None = foil
    if kind == "wine" and random.random() < 0.3:
        cap, profile = None, replace(profile, cap=1.0)
    return Solid(profile, Finish(glass, clear=True), cap, art, label, drink, level)


def _can(random: np.random.Generator) -> Solid:
    profile = _varied(random, CANS[random.integers(len(CANS))], 0.06)
    steel = Finish(np.array((0.72, 0.72, 0.74), np.float32), 1, metal=True)
    print_ = Finish(np.ones(3, np.float32), 0.9, rough=bool(random.random() < 0.4))
    return Solid(profile, steel, steel, _art(random, profile), print_)


def _cup(random: np.random.Generator) -> Solid:
    index = int(random.integers(len(CUPS)))
    profile = _varied(random, CUPS[index], 0.1)
    coffee = _linear(((62, 38, 22), (120, 78, 48), (150, 84, 30))[random.integers(3)])
    if index == 3:
        glass = Finish(np.array(_CLEAR, np.float32) ** 0.8, clear=True)
        drinks = _DRINKS["water"]
        drink = np.array(drinks[random.integers(len(drinks))], np.float32)
        level = random.uniform(0, 0.85)
        return Solid(profile, glass, drink=drink, level=level, opening=(coffee, coffee))
    label = Finish(np.ones(3, np.float32), 0.5)
    art = _art(random, profile) if random.random() < 0.5 else None
    if index == 2:
        paper = Finish(_linear(_paper(random)), 0.15, rough=True)
        lid = Finish(_linear((30, 28, 28) if random.random() < 0.5 else (232, 230, 226)), 0.5)
        return Solid(profile, paper, lid, art, label)
    glaze = _vivid(random) if random.random() < 0.6 else _rgb(random.uniform(190, 240, 3))
    inner = _linear(glaze if random.random() < 0.5 else (225, 220, 212))
    handle = int(random.choice((-1, 1))) if random.random() < 0.85 else 0
    return Solid(
        profile,
        Finish(_linear(glaze), 0.9),
        art=None if handle else art,
        label=label,
        opening=(inner, coffee),
        depth=random.uniform(0.1, 0.4),
        handle=handle,
    )


def _jar(random: np.random.Generator) -> Solid:
    profile = _varied(random, JARS[random.integers(len(JARS))], 0.1)
    lid = Finish(_linear(_vivid(random)), 0.7)
    if random.random() < 0.4:
        lid = Finish(np.array((0.8, 0.6, 0.25), np.float32), 1, rough=True, metal=True)
    label = Finish(np.ones(3, np.float32), 0.25, rough=True)
    art = _art(random, profile) if random.random() < 0.75 else None
    if random.random() < 0.25:
        return Solid(profile, Finish(_linear(_vivid(random)), 0.9), lid, art, label)
    jam = _linear(random.uniform(30, 235, 3)) + 0.02
    glass = Finish(np.array(_CLEAR, np.float32), clear=True)
    return Solid(profile, glass, lid, art, label, jam, random.uniform(0.45, 0.78))


def _box(random: np.random.Generator) -> Carton:
    tall_cm, wide, deep = (
        (26, random.uniform(0.6, 0.75), random.uniform(0.2, 0.3)),  # cereals
        (21, random.uniform(0.38, 0.46), random.uniform(0.3, 0.42)),  # milk
        (13, random.uniform(0.9, 1.6), random.uniform(0.5, 0.9)),
        (9, random.uniform(0.5, 0.7), random.uniform(0.3, 0.6)),
    )[random.integers(4)]
    paper, ink = _paper(random), _ink(random)
    if random.random() < 0.3:
        paper = _rgb(np.array((176, 136, 92)) + random.uniform(-12, 12))
    top = draw_print(random, deep / wide, paper, paper)
    return Carton(
        tall_cm * random.uniform(0.9, 1.1),
        wide,
        deep,
        random.choice((-1, 1)) * random.uniform(0.15, 0.75),
        draw_print(random, 1 / wide, paper, ink),
        draw_print(random, 1 / deep, paper, ink),
        top,
    )
