"""One sequence under every setting: redacted, read back, and compared with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agent.blur import blur
from agent.hidden import hidden_classes
from agent.settings import BlurSettings
from models.instances import MASK_THRESHOLD
from tests.bench.davis import pictures
from tests.bench.detections import look
from tests.bench.score import Score

if TYPE_CHECKING:
    from collections.abc import Sequence as Listed
    from pathlib import Path

    from models.bundle import Bundle
    from models.instances import Instances
    from tests.bench.davis import Pixels, Sequence
    from tests.bench.detections import Remembered

MAGENTA = np.array([255, 0, 255], np.int32)
NEAR = 130
CONF, LOW_CONF = 0.25, 0.15

MASKS = "every-frame masks"
SHORT_3, SHORT_5 = "--latency short --every 3", "--latency short"
RUNS: dict[str, dict[str, Any]] = {
    "--every 1": {"every": 1},
    "--every 2": {"every": 2},
    "--every 5": {"every": 5},
    "--every auto": {"every": "auto"},
    SHORT_3: {"every": 3, "latency": "short"},
    SHORT_5: {"every": 5, "latency": "short"},
    "--latency low": {"every": 5, "latency": "low"},
    "--every 5 --conf 0.15": {"every": 5, "conf": LOW_CONF},
}


def at_every_fifth(sequence: Sequence, bundle: Bundle, davis: Path, folder: Path) -> Score:
    """Measure the bundle itself, with what it chooses to run, at every 5th frame.

    Args:
        folder: where clips may go.
    """
    clip, target = folder / f"{sequence.name}.mp4", folder / f"{sequence.name}.out.mp4"
    if not clip.exists():
        sequence.write_clip(davis, clip)
    settings = BlurSettings(classes=sequence.labels, conf=CONF, effect="solid:ff00ff", every=5)
    report = blur(clip, target, bundle, settings, overwrite=True)
    hidden = [magenta(picture) for picture in pictures(target)]
    return Score.of(hidden, sequence.truth(davis), report.keyframes)


def measured(
    sequence: Sequence,
    bundle: Bundle,
    davis: Path,
    folder: Path,
    wanted: Listed[str],
    store: Path | None,
) -> dict[str, Score]:
    """Measure some of `RUNS`, and every-frame masks: a score by setting.

    Args:
        folder: where clips may go.
        store: where detections are kept, see `tests.bench.detections.look`.
    """
    clip, target = folder / f"{sequence.name}.mp4", folder / f"{sequence.name}.out.mp4"
    sequence.write_clip(davis, clip)
    truth = sequence.truth(davis)
    settings = BlurSettings(classes=sequence.labels, conf=LOW_CONF, effect="solid:ff00ff")
    memory = look(clip, bundle, settings, store)
    scores = {MASKS: Score.of(_masks(memory, bundle, settings, truth[0].shape), truth, len(truth))}
    for name in wanted:
        chosen = settings.model_copy(update={"conf": CONF, **RUNS[name]})
        seen = memory.above(hidden_classes(bundle, chosen).weakest)
        report = blur(clip, target, bundle, chosen, overwrite=True, detector=seen)
        hidden = [magenta(picture) for picture in pictures(target)]
        scores[name] = Score.of(hidden, truth, report.keyframes)
    return scores


def magenta(picture: np.ndarray) -> Pixels:
    """What is painted over in a picture [h, w, 3]."""
    difference = picture.astype(np.int32) - MAGENTA
    return np.asarray((difference * difference).sum(axis=2) <= NEAR * NEAR)


def _chosen(seen: Instances, label_ids: Listed[int]) -> Instances:
    return seen.take(np.flatnonzero((seen.scores >= CONF) & np.isin(seen.classes, label_ids)))


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
