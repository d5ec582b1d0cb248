"""How much of an object shows after all, judged on the pixels of the output.

Ground truth: DAVIS-2016. Objects are painted magenta; a pixel counts as hidden within an RGB
distance of 130 of it. Masks that are perfect read a leak of 0.5 to 1 %: 4:2:0 chroma and the
codec soften the edge.

The peer is the mask of every frame, as networks are run today: every detection of the class from
confidence 0.25, where its probability is 0.5 or more inside its box; no tracker, no margin, no
codec.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.blur import blur, hidden_classes
from agent.pipeline.analyst import Analyst, Rhythm
from agent.pipeline.detector import DetectorPool
from agent.settings import BlurSettings
from agent.track.interpolate import placements
from agent.track.tracker import Tracker
from agent.video.source import VideoSource
from models.boxes import iou
from models.instances import MASK_THRESHOLD
from tests.bench.davis import SEQUENCES, pictures
from tests.bench.detections import look
from tests.bench.network import opened
from tests.bench.outcome import NOTHING, Outcome, Table, Target

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence as Listed

    import numpy.typing as npt

    from models.bundle import Bundle
    from models.instances import Instances
    from tests.bench.davis import Pixels, Sequence
    from tests.bench.detections import Remembered

    Boxes = npt.NDArray[np.float32]

MAGENTA = np.array([255, 0, 255], np.int32)
NEAR = 130
CONF = 0.25
LEAKING = 0.05
"""A frame leaks when more of the object than this shows."""

SAME_IOU = 0.5
"""Two boxes that overlap by this much are of one object."""

MASKS = "every-frame masks"
EXACT_1, EXACT_5 = "--every 1 --margin 0", "--every 5 --margin 0"
INSTANCES = "every-frame detections, instances"
_RUNS: dict[str, dict[str, Any]] = {
    "--every 1": {"every": 1},
    "--every 2": {"every": 2},
    "--every 5": {"every": 5},
    "--every auto": {"every": "auto"},
    EXACT_1: {"every": 1, "margin": 0.0},
    EXACT_5: {"every": 5, "margin": 0.0},
}
AUTO_RUNS = (MASKS, "--every 2", "--every auto")


@dataclass(frozen=True, slots=True)
class Score:
    """How well one sequence was covered.

    Attributes:
        leaks: share of the object that shows, frame by frame.
        over: share of the picture that is hidden beside the object, mean over frames.
        detections: frames that the detector saw.
    """

    leaks: tuple[float, ...]
    over: float
    detections: int

    @classmethod
    def of(cls, hidden: Listed[Pixels], truth: Listed[Pixels], detections: int) -> Score:
        """Compare what is hidden with where the object is."""
        if len(hidden) != len(truth):
            raise SystemExit(f"{len(truth)} frames went in and {len(hidden)} came out")
        pairs = list(zip(hidden, truth, strict=True))
        leaks = tuple(float((t & ~h).sum() / t.sum()) for h, t in pairs if t.any())
        return cls(leaks, float(np.mean([(h & ~t).mean() for h, t in pairs])), detections)

    @property
    def leak(self) -> float:
        """Mean over the frames that show the object."""
        return float(np.mean(self.leaks))

    @property
    def worst_coverage(self) -> float:
        """The coverage that 95 % of frames reach."""
        return 1 - float(np.percentile(self.leaks, 95))

    @property
    def leak_rate(self) -> float:
        """Share of frames that leak."""
        return float(np.mean([leak > LEAKING for leak in self.leaks]))

    @property
    def longest_leak(self) -> int:
        """The longest run of frames that leak."""
        longest = run = 0
        for leak in self.leaks:
            run = run + 1 if leak > LEAKING else 0
            longest = max(longest, run)
        return longest


@dataclass(slots=True)
class Findings:
    """One sequence under every setting.

    Attributes:
        scores: by setting.
        likeness: F1 of `--every 5 --margin 0`, by what it is compared with.
    """

    scores: dict[str, Score]
    likeness: dict[str, float] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("cover, auto")
    group.add_argument("--sequences", metavar="A,B", help="some of DAVIS only")
    group.add_argument(
        "--detections", type=Path, metavar="DIR", help="keep what the network saw for next time"
    )


def run(args: argparse.Namespace) -> Outcome:
    """All settings on all sequences."""
    found = _on_all(args, [MASKS, *_RUNS])
    outcome = Outcome([_means(found), *_by_sequence(found), _likeness(found)])
    outcome.targets = _targets(found) + _auto_targets(found)
    return outcome


def run_auto(args: argparse.Namespace) -> Outcome:
    """`--every auto` beside `--every 2`."""
    found = _on_all(args, list(AUTO_RUNS))
    return Outcome([_means(found), *_by_sequence(found)], _auto_targets(found))


def _on_all(args: argparse.Namespace, wanted: list[str]) -> dict[Sequence, Findings]:
    names = args.sequences.split(",") if args.sequences else [s.name for s in SEQUENCES]
    if unknown := set(names) - {s.name for s in SEQUENCES}:
        raise SystemExit(f"no sequence {min(unknown)!r}")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = opened(args.data / "weights" / "coco-yolov8n-seg-640.onnx", folder)
        found = {}
        for sequence in SEQUENCES:
            if sequence.name in names:
                print(f"cover: {sequence.name}", file=sys.stderr)
                found[sequence] = _on_one(sequence, bundle, folder, args, wanted)
        return found


def _on_one(
    sequence: Sequence, bundle: Bundle, folder: Path, args: argparse.Namespace, wanted: list[str]
) -> Findings:
    clip, target = folder / f"{sequence.name}.mp4", folder / f"{sequence.name}.out.mp4"
    davis = args.data / "davis"
    sequence.write_clip(davis, clip)
    truth = sequence.truth(davis)
    settings = BlurSettings(classes=(sequence.label,), conf=CONF, effect="solid:ff00ff")
    memory = look(clip, bundle, settings, args.detections)
    hidden = {MASKS: _masks(memory, bundle, settings, truth[0].shape)}
    scores = {MASKS: Score.of(hidden[MASKS], truth, len(truth))}
    for name in wanted:
        if name == MASKS:
            continue
        report = blur(
            clip, target, bundle, settings.model_copy(update=_RUNS[name]), detector=memory
        )
        hidden[name] = [_magenta(picture) for picture in pictures(target)]
        scores[name] = Score.of(hidden[name], truth, report.keyframes)
    found = Findings(scores)
    if EXACT_5 in wanted:
        found.likeness = {
            f"{other}, pixels": _pixel_f1(hidden[EXACT_5], hidden[other])
            for other in (MASKS, EXACT_1)
        } | _instance_f1(clip, memory, bundle, settings)
    return found


def _magenta(picture: np.ndarray) -> Pixels:
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


def _pixel_f1(ours: list[Pixels], theirs: list[Pixels]) -> float:
    """Mean over frames; two that hide nothing are alike."""
    return float(
        np.mean(
            [
                2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 1.0
                for a, b in zip(ours, theirs, strict=True)
            ]
        )
    )


def _instance_f1(
    clip: Path, memory: Remembered, bundle: Bundle, settings: BlurSettings
) -> dict[str, float]:
    """Tracks placed at every 5 beside detections, and beside the same tracks seen every frame."""
    ids = list(hidden_classes(bundle, settings).labels)
    placed = _placed(clip, memory, bundle, settings, every=5)
    detected = [_chosen(seen, ids).boxes for seen in memory.seen]
    tracked = _placed(clip, memory, bundle, settings, every=1)
    matched = sum(map(_pairs, placed, detected))
    ours, theirs = sum(map(len, placed)), sum(map(len, detected))
    smooth = 2 * sum(map(_pairs, placed, tracked)) / max(1, ours + sum(map(len, tracked)))
    return {
        INSTANCES: 2 * matched / max(1, ours + theirs),
        "every-frame detections, recall": matched / max(1, theirs),
        "every-frame detections, precision": matched / max(1, ours),
        "every-frame tracks, instances": smooth,
    }


def _placed(
    clip: Path, memory: Remembered, bundle: Bundle, settings: BlurSettings, *, every: int
) -> list[Boxes]:
    """Where the tracks are in each frame, boxes [N, 4] without any growth."""
    hidden = hidden_classes(bundle, settings)
    tracker = Tracker(tuple(hidden.labels), hidden.scores)
    pool = DetectorPool(memory, 1, settings.detect_timeout_s)
    frames = []
    with VideoSource(clip) as video:
        size = video.info.width, video.info.height
        analyst = Analyst(pool, tracker, Rhythm(every), size, hidden.labels, 0.0)
        for frame, _ in analyst.run(video):
            bounds = [place.bounds for place in placements(tracker, frame.index, size)]
            frames.append(np.array(bounds, np.float32).reshape(-1, 4))
    pool.close()
    return frames


def _pairs(ours: Boxes, theirs: Boxes) -> int:
    """How many boxes [N, 4] and [M, 4] go together, each with one other at most, best first."""
    overlaps = iou(ours, theirs)
    count = 0
    while overlaps.max(initial=0) >= SAME_IOU:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        overlaps[row], overlaps[:, column] = 0, 0
        count += 1
    return count


def _means(found: dict[Sequence, Findings]) -> Table:
    """The sequences that count, together."""
    counting = [sequence for sequence in found if sequence.counts] or list(found)
    alone = [sequence for sequence in counting if sequence.alone]
    table = Table(
        f"Cover, mean of {', '.join(s.name for s in counting)}",
        (
            *("", "leak %", "over %", "over (one object) %", "coverage p5 %"),
            *("frames that leak %", "longest leak", "detections"),
        ),
        note=f"A frame leaks when more than {LEAKING:.0%} of the object shows; the longest leak is "
        f"in frames. One object: {', '.join(s.name for s in alone)}.",
    )
    for name in next(iter(found.values())).scores:
        scores = [found[sequence].scores[name] for sequence in counting]
        table.rows.append(
            (
                name,
                100 * float(np.mean([score.leak for score in scores])),
                100 * float(np.mean([score.over for score in scores])),
                100 * float(np.mean([found[s].scores[name].over for s in alone]))
                if alone
                else NOTHING,
                100 * float(np.mean([score.worst_coverage for score in scores])),
                100 * float(np.mean([score.leak_rate for score in scores])),
                max(score.longest_leak for score in scores),
                sum(score.detections for score in scores),
            )
        )
    return table


def _by_sequence(found: dict[Sequence, Findings]) -> list[Table]:
    names = list(next(iter(found.values())).scores)
    tables = []
    for title, read in (
        ("Leak by sequence, %", lambda score: 100 * score.leak),
        ("Over-redaction by sequence, %", lambda score: 100 * score.over),
        ("Detections by sequence", lambda score: score.detections),
    ):
        table = Table(title, ("", *(_column(sequence) for sequence in found)))
        table.rows = [(n, *(read(each.scores[n]) for each in found.values())) for n in names]
        tables.append(table)
    return tables


def _column(sequence: Sequence) -> str:
    return sequence.name if sequence.counts else f"({sequence.name})"


def _likeness(found: dict[Sequence, Findings]) -> Table:
    table = Table(
        f"F1 of {EXACT_5}",
        ("with", *(_column(sequence) for sequence in found), "mean"),
        note="Pixels: mean over frames. Instances: boxes that overlap by an IoU of "
        f"{SAME_IOU} or more, without growth; every-frame tracks are {EXACT_1}'s.",
    )
    for name in next(iter(found.values())).likeness:
        counting = [s for s in found if s.counts] or list(found)
        mean = float(np.mean([found[s].likeness[name] for s in counting]))
        table.rows.append((name, *(each.likeness[name] for each in found.values()), mean))
    return table


def _mean(found: dict[Sequence, Findings], name: str, what: str, *, alone: bool = False) -> float:
    return float(
        np.mean(
            [
                getattr(each.scores[name], what)
                for sequence, each in found.items()
                if sequence.counts and (sequence.alone or not alone)
            ]
        )
    )


def _targets(found: dict[Sequence, Findings]) -> list[Target]:
    if not all(sequence in found for sequence in SEQUENCES if sequence.counts):
        return []
    five = "--every 5"
    counting = [each for sequence, each in found.items() if sequence.counts]
    worst = max(each.scores[five].leak - each.scores[MASKS].leak for each in counting)
    return [
        Target(f"mean leak, {five}, %", 100 * _mean(found, five, "leak"), "<=", 5.0),
        Target(
            f"over-redaction, {five}, one object, %",
            100 * _mean(found, five, "over", alone=True),
            "<=",
            3.0,
        ),
        Target(f"leak above that of {MASKS}, worst sequence, % points", 100 * worst, "<=", 0.0),
        Target(
            f"pixel F1 with {MASKS}, before margins",
            float(np.mean([each.likeness[f"{MASKS}, pixels"] for each in counting])),
            ">=",
            0.84,
        ),
        Target(
            "instance F1 at box IoU 0.5 with every-frame detections (published: about 0.95)",
            float(np.mean([each.likeness[INSTANCES] for each in counting])),
            ">=",
            0.95,
        ),
    ]


def _auto_targets(found: dict[Sequence, Findings]) -> list[Target]:
    if not all(sequence in found for sequence in SEQUENCES if sequence.counts):
        return []
    auto, two = "--every auto", "--every 2"
    looks = {name: _mean(found, name, "detections") for name in (auto, two)}
    return [
        Target(
            f"mean leak of {auto}, % (target: that of {two})",
            100 * _mean(found, auto, "leak"),
            "<=",
            round(100 * _mean(found, two, "leak"), 3),
        ),
        Target(f"detections of {auto} over those of {two}", looks[auto] / looks[two], "<=", 0.5),
    ]
