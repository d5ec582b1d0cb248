"""What can still be found out behind each effect: faces found, pictures picked out, colours.

Nothing here was used to choose an effect but the half of the faces that `MIN_BLUR_PX` names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cover import Cover, PlacedOutline
from agent.redact.effect import MAX_CELLS, MAX_FACE_CELLS, Effect
from agent.redact.rgb_image import redact_rgb
from models.boxes import iou
from models.outline import Outline
from tests.bench.attacks import detail_shown, picked_out
from tests.bench.davis import Sequence
from tests.bench.likenesses import FaceFinder, plates, portraits, scaled_to
from tests.bench.network import opened
from tests.bench.outcome import Outcome, Table
from tests.bench.relink import relinked

if TYPE_CHECKING:
    import argparse

    from tests.bench.attacks import Box, Grid, Image
    from tests.bench.likenesses import Portrait

_12, _6 = MAX_CELLS, MAX_FACE_CELLS
EFFECTS = {
    f"blur, {_12} cells": Effect("blur"),
    f"blur, {_6} cells": Effect("blur", max_cells=_6),
    f"pixelate, {_12} cells": Effect("pixelate"),
    f"pixelate, {_6} cells": Effect("pixelate", max_cells=_6),
    "solid": Effect("solid"),
}
_SAME_FACE_IOU = 0.3
_FACES, _FACE_PX, _PLATE_PX = 60, 64, 120
_SIZES_PX = (16, 24, 32, 48, 64, 96)
_GRIDS: tuple[Grid, ...] = ("object", "outline", "frame", "jittered")
_MOST_FACES, _FRAMES = 20, 10
_SESSIONS = {"breakdance": 20, "night-crowd-1080p": 6, "one-by-one-person-detection": 20}
"""Clips, and for how many frames a person must be hidden in them to count."""


def run(args: argparse.Namespace) -> Outcome:
    """Every attack on every effect."""
    finder = FaceFinder(args.data)
    found = list(portraits(args.data, finder))
    faces = [(each.picture, face) for each in found if each.still for face in each.faces]
    faces = faces[1::2]  # the others were used to choose
    outcome = Outcome([_found_again(found, finder), _picked_out(faces), _added_up(faces)])
    outcome.tables.append(_relinked(args.data))
    return outcome


def _found_again(found: list[Portrait], finder: FaceFinder) -> Table:
    """YuNet before and after, where nothing but each face itself is covered."""
    total = sum(len(each.faces) for each in found)
    table = Table(
        "Faces found again",
        ("", "found again", "of"),
        note="YuNet from score 0.6 on stills, videos and DAVIS; the covers are the faces' boxes. A "
        f"face is found again where a box overlaps its own by {_SAME_FACE_IOU} (IoU).",
    )
    for name, effect in EFFECTS.items():
        print(f"effects: faces behind {name}", file=sys.stderr)
        table.rows.append((name, sum(_still_there(each, effect, finder) for each in found), total))
    return table


def _still_there(portrait: Portrait, effect: Effect, finder: FaceFinder) -> int:
    boxes = np.array([_corners(face) for face in portrait.faces], np.float32)
    outlines = [Outline.from_box(box) for box in boxes]
    cover = Cover(tuple(PlacedOutline(o.bounds, o.field) for o in outlines if o is not None))
    after = finder.boxes(redact_rgb(portrait.picture, cover, effect))
    seen = np.array([_corners(face) for face in after], np.float32).reshape(-1, 4)
    return int((iou(boxes, seen).max(axis=1, initial=0) > _SAME_FACE_IOU).sum())


def _corners(box: Box) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _picked_out(faces: list[tuple[Image, Box]]) -> Table:
    """Which of the candidates is it?"""
    texts = [scaled_to(plate, _PLATE_PX) for plate in plates()]
    large = [scaled_to(face, _FACE_PX) for face in faces if max(face[1][2:]) >= _FACE_PX / 2]
    large = large[:_FACES]
    table = Table(
        "Picked out of candidates, %",
        ("", f"a plate of {len(texts)}", f"a face of {len(large)}"),
        note=f"Plates: rendered, {_PLATE_PX} px, of one kind, with different signs. Faces: of "
        f"different people, {_FACE_PX} px; the candidates are the very pictures, the redacted ones "
        "in another light. Covers are off by up to 3 %, noise and JPEG in between. Likeness is "
        "the correlation of luma.",
    )
    for name, effect in EFFECTS.items():
        print(f"effects: candidates behind {name}", file=sys.stderr)
        random = np.random.default_rng(1)
        shares = (
            picked_out(effect, texts, random, other_light=False),
            picked_out(effect, large, random, other_light=True),
        )
        table.rows.append((name, *(100 * share for share in shares)))
    return table


def _added_up(faces: list[tuple[Image, Box]]) -> Table:
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
