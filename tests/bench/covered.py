"""One sequence under every setting: redacted, read back, and compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from agent.blur import blur
from agent.detect.pool import DetectorPool
from agent.hidden import hidden_classes
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import Rhythm
from agent.redact.patch import patches_of
from agent.settings import BlurSettings
from agent.track.tracker import Tracker
from agent.video.file_source import FileSource
from models.instances import MASK_THRESHOLD
from tests.bench.davis import pictures
from tests.bench.detections import look
from tests.bench.score import Score, pairs, pixel_f1

if TYPE_CHECKING:
    from collections.abc import Sequence as Listed
    from pathlib import Path

    from agent.redact.patch import Patch
    from models.bundle import Bundle
    from models.instances import Instances
    from tests.bench.davis import Pixels, Sequence
    from tests.bench.detections import Remembered
    from tests.bench.score import Boxes

MAGENTA = np.array([255, 0, 255], np.int32)
NEAR = 130
CONF = 0.25
SURE = 0.5
"""Score of detections that do not come and go from frame to frame."""


MASKS = "every-frame masks"
EXACT_1, EXACT_5 = "--every 1 --margin 0", "--every 5 --margin 0"
INSTANCES = "every-frame detections, instances"
MASK_PIXELS = f"{MASKS}, pixels"
RUNS: dict[str, dict[str, Any]] = {
    "--every 1": {"every": 1},
    "--every 2": {"every": 2},
    "--every 5": {"every": 5},
    "--every auto": {"every": "auto"},
    EXACT_1: {"every": 1, "margin": 0.0},
    EXACT_5: {"every": 5, "margin": 0.0},
}


@dataclass(slots=True)
class Findings:
    """One sequence under every setting.

    Attributes:
        scores: by setting.
        likeness: F1 of `--every 5 --margin 0`, by what it is compared with.
    """

    scores: dict[str, Score]
    likeness: dict[str, float] = field(default_factory=dict)


def measured(
    sequence: Sequence,
    bundle: Bundle,
    davis: Path,
    folder: Path,
    wanted: Listed[str],
    store: Path | None,
) -> Findings:
    """Measure some of `RUNS`, and every-frame masks.

    Args:
        folder: where clips may go.
        store: where detections are kept, see `tests.bench.detections.look`.
    """
    clip, target = folder / f"{sequence.name}.mp4", folder / f"{sequence.name}.out.mp4"
    sequence.write_clip(davis, clip)
    truth = sequence.truth(davis)
    settings = BlurSettings(classes=(sequence.label,), conf=CONF, effect="solid:ff00ff")
    memory = look(clip, bundle, settings, store)
    hidden = {MASKS: _masks(memory, bundle, settings, truth[0].shape)}
    scores = {MASKS: Score.of(hidden[MASKS], truth, len(truth))}
    for name in wanted:
        chosen = settings.model_copy(update=RUNS[name])
        report = blur(clip, target, bundle, chosen, overwrite=True, detector=memory)
        hidden[name] = [_magenta(picture) for picture in pictures(target)]
        scores[name] = Score.of(hidden[name], truth, report.keyframes)
    found = Findings(scores)
    if EXACT_5 in wanted:
        found.likeness = {
            f"{other}, pixels": pixel_f1(hidden[EXACT_5], hidden[other])
            for other in (MASKS, EXACT_1)
        } | _instance_f1(clip, memory, bundle, settings)
    return found


def _magenta(picture: np.ndarray) -> Pixels:
    difference = picture.astype(np.int32) - MAGENTA
    return np.asarray((difference * difference).sum(axis=2) <= NEAR * NEAR)


def _chosen(seen: Instances, label_ids: Listed[int], score: float = CONF) -> Instances:
    return seen.take(np.flatnonzero((seen.scores >= score) & np.isin(seen.classes, label_ids)))


def _masks(
    memory: Remembered, bundle: Bundle, settings: BlurSettings, shape: tuple[int, int]
) -> list[Pixels]:
    """What every-frame masks hide."""
    ids = list(hidden_classes(bundle, settings).labels)
    frames = []
    for seen in memory.seen:
        hidden = np.zeros(shape, np.bool_)
        chosen = _chosen(seen, ids)
        for box, mask in zip(chosen.boxes, chosen.masks or (), strict=True):
            inside = mask.pixels >= MASK_THRESHOLD
            # Ours reach beyond the box; the peer's end there.
            x0, y0 = np.floor(box[:2]).astype(int) - (mask.x, mask.y)
            x1, y1 = np.ceil(box[2:]).astype(int) - (mask.x, mask.y)
            cut = np.zeros_like(inside)
            box_area = slice(max(0, y0), y1), slice(max(0, x0), x1)
            cut[box_area] = inside[box_area]
            height, width = cut.shape
            hidden[mask.y : mask.y + height, mask.x : mask.x + width] |= cut
        frames.append(hidden)
    return frames


def _instance_f1(
    clip: Path, memory: Remembered, bundle: Bundle, settings: BlurSettings
) -> dict[str, float]:
    """Tracks placed at every 5 beside detections, and beside the same tracks seen every frame."""
    ids = list(hidden_classes(bundle, settings).labels)
    placed = _placed(clip, memory, bundle, settings, every=5)
    detected = [_chosen(seen, ids).boxes for seen in memory.seen]
    sure = [_chosen(seen, ids, SURE).boxes for seen in memory.seen]
    tracked = _placed(clip, memory, bundle, settings, every=1)
    matched = sum(map(pairs, placed, detected))
    ours, theirs = sum(map(len, placed)), sum(map(len, detected))
    smooth = 2 * sum(map(pairs, placed, tracked)) / max(1, ours + sum(map(len, tracked)))
    return {
        INSTANCES: 2 * matched / max(1, ours + theirs),
        "every-frame detections, recall": matched / max(1, theirs),
        "every-frame detections, precision": matched / max(1, ours),
        "sure every-frame detections, recall": sum(map(pairs, placed, sure))
        / max(1, sum(map(len, sure))),
        "every-frame tracks, instances": smooth,
    }


def _placed(
    clip: Path, memory: Remembered, bundle: Bundle, settings: BlurSettings, *, every: int
) -> list[Boxes]:
    """What is hidden in each frame, boxes [N, 4]."""
    hidden = hidden_classes(bundle, settings)
    tracker = Tracker(tuple(hidden.labels), hidden.scores)
    pool = DetectorPool(memory, 1, settings.detect_timeout_s)
    frames = []
    with FileSource(clip) as video:
        size = video.info.width, video.info.height
        analyst = Analyst(
            pool.lane("covered"), tracker, Rhythm(every), size, hidden.labels, 0.0, [].append
        )
        for _, cover in analyst.run(video):
            boxes = [_bounds(patch) for patch in patches_of(cover, size)]
            frames.append(np.array(boxes, np.float32).reshape(-1, 4))
    pool.close()
    return frames


def _bounds(patch: Patch) -> tuple[float, ...]:
    x, y, width, height = cv2.boundingRect(patch.pixels)
    return patch.x + x, patch.y + y, patch.x + x + width, patch.y + y + height
