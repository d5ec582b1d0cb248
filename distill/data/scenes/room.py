"""Room: what objects stand on and before, painted once for each scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes import textures

if TYPE_CHECKING:
    from distill.data.scenes.domain import Domain
    from distill.data.scenes.light import Light

Floats = npt.NDArray[np.float32]

MARGIN = 0.12
"""How far the backdrop goes beyond the picture, in picture heights; farther out it is mirrored."""

_WALL_SHADOW = 0.3
CATCH_STEP = 4
"""Pixels of the backdrop for one of `Backdrop.catch`."""


@dataclass(frozen=True)
class Plan:
    """Where things can stand; y and lengths in picture heights, y downwards.

    Attributes:
        kind: `table` before a wall, `floor` that fills the picture, or `shelves`.
        elevation: sine of the angle that the camera looks down with.
        edges: of a table its far edge, of shelves the front edges of the boards.
        size: height of a thing 30 cm tall, at scale 1.
        seed: for the textures.
    """

    kind: str
    elevation: float
    edges: tuple[float, ...]
    size: float
    busy_wall: bool
    busy_table: bool
    seed: int

    def stand(self, random: np.random.Generator) -> tuple[float, float]:
        """Where a foot may stand, and the scale there."""
        if self.kind == "shelves":
            edge = self.edges[random.integers(len(self.edges))]
            return edge - random.uniform(0.012, 0.045), 1.0
        edge = self.edges[0]
        low, high = edge + 0.1 * (1 - edge), 1.04 if self.kind == "table" else 1.1
        foot = random.uniform(low, high)
        near = (foot - edge) / (1 - edge)
        return foot, (0.72 + 0.4 * near) if self.kind == "table" else (0.88 + 0.18 * near)


@dataclass(frozen=True)
class Backdrop:
    """A painted room.

    Attributes:
        light: float32 [h, w, 3], linear.
        catch: float32 [h / 4, w / 4], how much of a shadow shows there.
        px: pixels of a picture height.
    """

    light: Floats
    catch: Floats
    px: float


def draw_plan(random: np.random.Generator, domain: Domain) -> Plan:
    """Choose a room."""
    size = random.uniform(*domain.size)
    elevation = random.uniform(*domain.elevation)
    chance = random.random()
    if chance < 0.2:
        pitch = size * random.uniform(1.1, 1.3)
        first = random.uniform(0.55, 0.9) if pitch > 0.6 else random.uniform(0.25, 0.4)
        edges = tuple(float(edge) for edge in np.arange(first, 1.2, pitch))
        kind, elevation = "shelves", min(elevation, 0.12)
    elif chance < 0.35:
        kind, edges, elevation = "floor", (-0.1,), max(elevation, 0.3)
        edges = (size * 0.35,)
    else:
        kind = "table"
        edges = (float(np.clip(0.75 - 1.1 * elevation + random.normal(0, 0.05), 0.25, 0.75)),)
    return Plan(
        kind,
        elevation,
        edges,
        size,
        bool(random.random() < domain.clutter),
        bool(random.random() < domain.clutter),
        int(random.integers(2**31)),
    )


def paint_room(plan: Plan, light: Light, aspect: float, px: int) -> Backdrop:
    """Paint `plan` at `px` pixels a picture height."""
    random = np.random.default_rng(plan.seed)
    tall, wide = round((1 + 2 * MARGIN) * px), round((aspect + 2 * MARGIN) * px)
    walls = textures.BUSY_WALLS if plan.busy_wall else textures.PLAIN_WALLS
    tables = textures.BUSY_TABLES if plan.busy_table else textures.PLAIN_TABLES
    wall_texture = walls[random.integers(len(walls))]
    table_texture = tables[random.integers(len(tables))]
    wall_light = _facing(light, 0.0)
    table_light = _facing(light, float(np.sqrt(1 - plan.elevation**2)))
    catch = np.full((-(-tall // CATCH_STEP), -(-wide // CATCH_STEP)), _WALL_SHADOW, np.float32)

    def row(y: float) -> int:
        return int(np.clip(round((y + MARGIN) * px), 0, tall))

    if plan.kind == "floor":
        display = _receding(table_texture(random, (tall, wide)), (tall, wide), 0.82)
        canvas = _linear(display, table_light)
        catch[:] = 1
    elif plan.kind == "shelves":
        canvas = _linear(wall_texture(random, (tall, wide)), wall_light * np.float32(0.6))
        board = table_texture(random, (tall, wide))
        for edge in plan.edges:
            _shelf(canvas, catch, board, (row(edge), px), (table_light, wall_light))
    else:
        edge = row(plan.edges[0])
        wall = wall_texture(random, (tall, wide))
        if plan.busy_wall:
            blurred = cv2.GaussianBlur(wall, (0, 0), random.uniform(0.6, 4.5) * px / 480)
            wall = np.asarray(blurred, np.uint8)
        canvas = _linear(wall, wall_light * np.float32(random.uniform(0.75, 1.15)))
        below = tall - edge
        flat = table_texture(random, (max(below, 8), wide))
        canvas[edge:] = _linear(_receding(flat, (below, wide), 0.55), table_light)
        distance = np.abs(np.arange(tall) - edge) / px
        near = distance < 0.08  # the corner that wall and table make is dark
        corner = 1 - 0.35 * np.exp(-distance[near] / 0.02)
        canvas[near] *= corner.astype(np.float32)[:, None, None]
        catch[edge // CATCH_STEP :] = 1
    lit = cv2.multiply(canvas, cv2.merge([_falloff(random, light, (tall, wide))] * 3))
    return Backdrop(np.asarray(lit, np.float32), catch, px)


def _facing(light: Light, up: float) -> Floats:
    normal = np.zeros((1, 1), np.float32), np.full((1, 1), up, np.float32)
    return np.asarray(light.on(light.diffuse, *normal, 0.0)[0, 0], np.float32)


def _linear(display: npt.NDArray[np.uint8], light: Floats) -> Floats:
    """Display colours as linear ones, under a light [3]."""
    table = ((np.arange(256, dtype=np.float32) / 255) ** 2)[:, None, None] * light
    return np.asarray(cv2.LUT(display, table.astype(np.float32)), np.float32)


def _receding(
    flat: npt.NDArray[np.uint8], size: tuple[int, int], narrow: float
) -> npt.NDArray[np.uint8]:
    """A plane seen aslant: its near edge shows only the `narrow` middle part of the texture."""
    tall, wide = flat.shape[:2]
    inset = wide * (1 - narrow) / 2
    source = np.array([(0, 0), (wide, 0), (wide - inset, tall), (inset, tall)], np.float32)
    target = np.array([(0, 0), (size[1], 0), (size[1], size[0]), (0, size[0])], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    seen = cv2.warpPerspective(flat, matrix, size[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(seen, np.uint8)


def _shelf(
    canvas: Floats,
    catch: Floats,
    board: npt.NDArray[np.uint8],
    at: tuple[int, int],
    lights: tuple[Floats, Floats],
) -> None:
    """A board with its edge at a row: its top above, its front below, and its shade beneath."""
    edge, px = at
    deep, thick = int(0.06 * px), max(2, int(0.03 * px))
    top = max(0, edge - deep)
    if edge > top:
        shade = np.linspace(0.5, 0.9, edge - top, dtype=np.float32)[:, None, None]
        canvas[top:edge] = _linear(board[top:edge], lights[0]) * shade
        catch[top // CATCH_STEP : edge // CATCH_STEP + 1] = 1
    if edge < len(canvas):
        canvas[edge : edge + thick] = _linear(board[edge : edge + thick], lights[1])
    beneath = canvas[edge + thick : edge + thick + int(0.25 * px)]
    fall = np.exp(-np.arange(len(beneath), dtype=np.float32) / (0.07 * px))
    beneath *= (1 - 0.6 * fall)[:, None, None]


def _falloff(random: np.random.Generator, light: Light, size: tuple[int, int]) -> Floats:
    """The key light's pool, brighter on the side that it comes from."""
    x = np.linspace(-1, 1, 24, dtype=np.float32)[None]
    y = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    side = float(light.towards[0])
    pool = 1 + 0.22 * side * x - 0.06 * y
    centre = side * random.uniform(0.1, 0.9), random.uniform(-0.8, 0.6)
    spread = random.uniform(0.5, 1.3)
    reach = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / spread**2
    pool = pool * (0.8 + random.uniform(0.1, 0.5) * np.exp(-reach))
    smooth = cv2.resize(pool, (size[1] // 8, size[0] // 8), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(smooth, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
