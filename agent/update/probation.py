"""Probation: whether a model that has begun to run is worse than the one before it.

Pure: counts go in, a verdict comes out. What a model may not be is judged by how it compares with
what ran before on the same cameras, so that no number here has to fit all of them: only that which
no model may ever do (to hang, to have frames covered whole) counts by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent.update.ports import Health

WAIT: Literal["wait"] = "wait"
GOOD: Literal["good"] = "good"

MOST_HUNG = 1
"""Detections that may hang: one can be a driver that recovered. Chosen, not measured; a lane is
suspended at three (`agent.detect.hang_limit`)."""

MOST_WHOLE_S = 0.5
"""Video that may be covered whole for faults of the detector, by all streams together. Chosen, not
measured: with what is on its way until the old model has taken over, it stays below 2 s."""

LEAST_FRAMES = 8
"""Covered whole before that is called a fault of the model. Chosen, not measured: one detection
that failed covers as many, at every fifth frame."""

SAME_SHARE = 2.0
"""So many times the old model's share of frames covered whole is not worse. Chosen, not measured."""

BLIND_SHARE = 0.5
"""From this share of frames covered whole on, the old model is no measure of anything."""

NEXT_TO_NONE, LEAST_OBJECTS = 0.02, 50.0
"""A model that hides such a share of what the old one would have hidden in as many frames, which
has to be so many objects at least, sees as good as nothing. Chosen, not measured."""

BLIND_PART, BLIND_RATIO = 1 / 60, 2.0
"""It has to have done so for such a part of the probation, and for so many times the longest time in
which the old model saw nothing. Chosen, not measured: what is there comes and goes, and a gap that
the old model had once will come again."""

FLOOD_RATIO, FLOOD_OBJECTS = 10.0, 20.0
"""A model that hides so many times as much, and so many objects in a frame, sees everything. Chosen,
not measured: crowds grow, but not tenfold as a model changes."""

LEAST_FLOODED = 25
"""Detections in which it does. Chosen, not measured: 5 s of one camera, and no crowd comes tenfold."""

SLOW_RATIO, SLOW_S = 2.0, 0.001
"""One that takes so many times as long for a detection, and so much longer, is too slow. The ratio
is the design's; below a millisecond it is noise (0.02 to 0.3 ms for the tests' networks)."""

LEAST_DETECTIONS = 100
"""Before times and counts are compared. Chosen, not measured: 20 s of one camera."""


def judge(before: Health, now: Health, probation_s: float) -> str:
    """What to do with a model on probation.

    Args:
        before: of the model that ran until then, not too long ago: a night says nothing of a day.
        now: of this one.

    Returns:
        `WAIT`, `GOOD`, or why to go back, in a line that is neither.
    """
    fault = _hangs(before, now) or _covers(before, now)
    fault = fault or _blind(before, now, probation_s) or _floods(before, now)
    if fault is None and now.ran_s >= probation_s / 2:  # another program's minute is no fault of it
        fault = _slow(before, now)
    if fault is not None:
        return fault
    return GOOD if now.ran_s >= probation_s else WAIT


def _hangs(before: Health, now: Health) -> str | None:
    if now.hung > MOST_HUNG and now.hung > before.hung:
        return f"it hung {now.hung} times"
    return None


def _covers(before: Health, now: Health) -> str | None:
    """By time rather than by share: a model may turn bad in the middle of its probation."""
    if now.frames == 0 or now.ran_s <= 0:
        return None
    share = SAME_SHARE * _whole_share(before)
    allowed = MOST_WHOLE_S * now.frames / now.ran_s + min(share, BLIND_SHARE) * now.frames
    if now.whole >= LEAST_FRAMES and now.whole > allowed:
        return f"{now.whole} of {now.frames} frames had to be covered whole"
    return None


def _blind(before: Health, now: Health, probation_s: float) -> str | None:
    least_s = max(BLIND_PART * probation_s, BLIND_RATIO * before.unseen_s)
    if not _is_measure(before) or before.ran_s < probation_s or now.ran_s < least_s:
        return None
    expected = _rate(before) * now.frames
    if expected < LEAST_OBJECTS or now.objects > NEXT_TO_NONE * expected:
        return None
    said = f"where the model before would have hidden {expected:.0f}"
    return f"it hid {now.objects} objects in {now.frames} frames, {said}"


def _floods(before: Health, now: Health) -> str | None:
    if not _is_measure(before) or now.detections < LEAST_FLOODED:
        return None
    if _rate(now) < max(FLOOD_RATIO * _rate(before), FLOOD_OBJECTS):
        return None
    return f"it hides {_rate(now):.0f} objects in a frame, the model before {_rate(before):.1f}"


def _slow(before: Health, now: Health) -> str | None:
    if min(before.detections, now.detections) < LEAST_DETECTIONS:
        return None
    took_s, takes_s = before.detect_s / before.detections, now.detect_s / now.detections
    if takes_s >= SLOW_RATIO * took_s and takes_s >= took_s + SLOW_S:
        return f"a detection takes {1000 * takes_s:.1f} ms, of the model before {1000 * took_s:.1f}"
    return None


def _is_measure(before: Health) -> bool:
    """Whether what was seen before says anything."""
    return before.detections >= LEAST_DETECTIONS and _whole_share(before) < BLIND_SHARE


def _rate(health: Health) -> float:
    """Objects that were hidden in a frame."""
    return health.objects / max(1, health.frames)


def _whole_share(health: Health) -> float:
    return health.whole / max(1, health.frames)
