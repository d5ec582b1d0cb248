"""Counts: what a stream did, summed up over its sessions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """See `agent.telemetry.status.StreamStatus`, which is made of them."""

    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    damaged: int = 0
    detections: int = 0
    covers: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    stage_s: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(
            self.frames_in + other.frames_in,
            self.frames_out + other.frames_out,
            self.dropped + other.dropped,
            self.damaged + other.damaged,
            self.detections + other.detections,
            self.covers + other.covers,
            self.labels + other.labels,
            self.whole + other.whole,
            self.stage_s + other.stage_s,
            self.late + other.late,
        )
