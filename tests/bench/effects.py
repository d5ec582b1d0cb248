"""What can still be found out behind each effect: faces found, pictures picked out, colours."""

from __future__ import annotations

import sys
from collections import defaultdict
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cover import Cover, PlacedOutline
from agent.redact.effect import MAX_CELLS, MAX_FACE_CELLS, MIN_BLUR_PX, Effect
from agent.redact.rgb_image import redact_rgb
from models.boxes import iou
from models.outline import Outline
from tests.bench.attacks import detail_shown, picked_out
from tests.bench.davis import Sequence
from tests.bench.likenesses import FaceFinder, neighbourhood, plates, portraits, scaled_to
from tests.bench.network import opened
from tests.bench.outcome import Outcome, Table
from tests.bench.relink import relinked

if TYPE_CHECKING:
    import argparse

    from tests.bench.attacks import Box, Grid, Scene
    from tests.bench.likenesses import Portrait

_12, _6 = MAX_CELLS, MAX_FACE_CELLS
EFFECTS = {
    f"blur, {_12} cells": Effect("blur"),
    f"blur, {_6} cells": Effect("blur", max_cells=_6),
    f"pixelate, {_12} cells": Effect("pixelate"),
    f"pixelate, {_6} cells": Effect("pixelate", max_cells=_6),
    "solid": Effect("solid"),
}
_COVERS = {
    "alone": (0.0, 0.0, 0.0, 0.0),
    "15 % more": (-0.15, -0.15, 0.15, 0.15),
    "person": (-0.5, -0.5, 0.5, 2.5),
}
"""How far a cover reaches beyond a face: left, top, right, bottom, in widths and heights of it."""
_SAME_FACE_IOU = 0.3
_FACES, _FACE_PX, _PLATE_PX, _OFF = 60, 64, 120, 0.03
_SIZES_PX = (16, 24, 32, 48, 64, 96)
_GRIDS: tuple[Grid, ...] = ("object", "outline", "frame", "jittered")
_MOST_FACES, _FRAMES = 20, 10
_SESSIONS = {"breakdance": 20, "night-crowd-1080p": 6, "one-by-one-person-detection": 20}
"""Clips, and for how many frames a person must be hidden in them to count."""


def run(args: argparse.Namespace) -> Outcome:
    """Every attack on every effect."""
    again, faces = _found_again(args.data)
    faces = faces[1::2]  # the others were looked at when effects were chosen
    return Outcome([again, _picked_out(faces), _added_up(faces), _relinked(args.data)])


def _found_again(data: Path) -> tuple[Table, list[Scene]]:
    """YuNet before and after.

    Returns:
        the figures, and the faces that differ from one another.
    """
    finder = FaceFinder(data)
    small: list[bool] = []
    again: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    faces: list[Scene] = []
    print("effects: faces", file=sys.stderr)
    for portrait in portraits(data, finder):
        if portrait.still:
            faces += [neighbourhood(portrait.picture, face) for face in portrait.faces]
        small += [max(face[2:]) < MIN_BLUR_PX for face in portrait.faces]
        for (name, effect), (reach, by) in product(EFFECTS.items(), _COVERS.items()):
            again[name, reach] += _still_there(portrait, effect, finder, by)
    table = Table(
        f"Faces found again by YuNet, % of {len(small)}",
        (
            "",
            *(f"{reach}, {part}" for reach in _COVERS for part in ("small", "larger")),
        ),
        note=f"Stills, videos and DAVIS, score 0.6. Small: below {MIN_BLUR_PX} px, {sum(small)} "
        "faces. The cover is the face's very box, one 15 % larger on every side, or as large as a "
        f"person's. Found again: IoU {_SAME_FACE_IOU}.",
    )
    parts = np.array(small), ~np.array(small)
    for name in EFFECTS:
        hits = [np.array(again[name, reach])[part] for reach in _COVERS for part in parts]
        table.rows.append((name, *(100 * float(hit.mean()) for hit in hits)))
    return table, faces


def _still_there(
    portrait: Portrait, effect: Effect, finder: FaceFinder, by: tuple[float, ...]
) -> list[bool]:
    """Whether each face is found once all are covered and the covers reach so far beyond."""
    boxes = np.array([_corners(face) for face in portrait.faces], np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    more = sides[:, [0, 1, 0, 1]] * np.float32(by)
    outlines = [Outline.from_box(box) for box in boxes + more]
    cover = Cover(tuple(PlacedOutline(o.bounds, o.field) for o in outlines if o is not None))
    after = finder.boxes(redact_rgb(portrait.picture, cover, effect))
    seen = np.array([_corners(face) for face in after], np.float32).reshape(-1, 4)
    return list(iou(boxes, seen).max(axis=1, initial=0) > _SAME_FACE_IOU)


def _corners(box: Box) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _picked_out(faces: list[Scene]) -> Table:
    """Which of the candidates is it?"""
    texts = [scaled_to(plate, _PLATE_PX) for plate in plates()]
    large = [scaled_to(face, _FACE_PX) for face in faces if max(face[1][2:]) >= _FACE_PX / 2]
    large = large[:_FACES]
    table = Table(
        "Picked out of candidates, %",
        ("", f"a plate of {len(texts)}", "its cover off", f"a face of {len(large)}"),
        note=f"Plates: rendered, {_PLATE_PX} px, of one kind, with different signs. Faces: of "
        f"different people, {_FACE_PX} px; the candidates are the very pictures, the redacted ones "
        "in another light and their covers off. Off: by up to 3 % of the longer side. Noise and "
        "JPEG in between. Likeness is the correlation of luma.",
    )
    for name, effect in EFFECTS.items():
        print(f"effects: candidates behind {name}", file=sys.stderr)
        random = np.random.default_rng(1)
        shares = (
            picked_out(effect, texts, random, off=0.0, other_light=False),
            picked_out(effect, texts, random, off=_OFF, other_light=False),
            picked_out(effect, large, random, off=_OFF, other_light=True),
        )
        table.rows.append((name, *(100 * share for share in shares)))
    return table


def _added_up(faces: list[Scene]) -> Table:
    """What many frames show together."""
    table = Table(
        f"Detail of a face that one frame shows, and the mean of {_FRAMES} frames",
        ("effect, frames, cells on", *(f"{size} px" for size in _SIZES_PX)),
        note="Correlation with the face itself, both without their coarsest 3 by 3 cells. The face "
        "moves, and the attacker knows how. The cells' corner lies on the outline, which trembles "
        "(this is shipped), on the object itself, on the frame, or elsewhere in every frame. Up to "
        f"{_MOST_FACES} faces a size, of which no one is enlarged by more than a quarter.",
    )
    rows: list[tuple[str, int, Grid]] = [("blur", n, "outline") for n in (1, _FRAMES)]
    rows += [("pixelate", 1, "outline"), *(("pixelate", _FRAMES, grid) for grid in _GRIDS)]
    for kind, frames, grid in rows:
        print(f"effects: {frames} frames of {kind}", file=sys.stderr)
        random, effect = np.random.default_rng(2), Effect.parse(kind)
        shown = []
        for size in _SIZES_PX:
            enough = [face for face in faces if max(face[1][2:]) >= 0.8 * size][:_MOST_FACES]
            scenes = [scaled_to(face, size) for face in enough]
            details = [detail_shown(effect, scene, frames, grid, random) for scene in scenes]
            shown.append(float(np.mean(details)))
        table.rows.append((f"{kind}, {frames}, {grid}", *shown))
    return table


def _relinked(data: Path) -> Table:
    """Who is who by the colours of the clothes."""
    table = Table(
        "People known again in one video by the colours of their covers",
        ("", *(name for name in _SESSIONS), "all", "of"),
        note="Found and followed by YOLOv8n-seg at 320 px; the first third of the time that a "
        "person is hidden is compared with every person's last third, by a histogram of the "
        "redacted planes inside the outline.",
    )
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = opened(data / "weights" / "coco-yolov8n-seg-320.onnx", folder)
        for name in ("blur", "pixelate", "solid"):
            print(f"effects: colours behind {name}", file=sys.stderr)
            each = [
                relinked(_clip(data, session, folder), bundle, name, least)
                for session, least in _SESSIONS.items()
            ]
            hits, people = (sum(part) for part in zip(*each, strict=True))
            table.rows.append((name, *(f"{hit:.1f} of {of}" for hit, of in each), hits, people))
    return table


def _clip(data: Path, session: str, folder: Path) -> Path:
    """A video of the data, or a sequence of DAVIS as one."""
    if not (data / "davis" / session).is_dir():
        return data / "videos" / f"{session}.mp4"
    clip = folder / f"{session}.mp4"
    if not clip.exists():
        Sequence(session, "person").write_clip(data / "davis", clip)
    return clip
