"""What a timeline shows, as arithmetic on a run's journal."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from agent.pipeline.run_journal import LoadSample

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from agent.pipeline.run_journal import RunJournal, TrackSpan
    from agent.run_report import RunReport


def longest(journal: RunJournal, most: int) -> list[TrackSpan]:
    """The longest tracks, by the frame that they begin with."""
    by_length = sorted(journal.tracks.values(), key=lambda span: span.first - span.last)
    return sorted(by_length[:most], key=lambda span: (span.first, span.number))


def runs_of(whole: dict[int, str]) -> Iterator[tuple[int, int, str]]:
    """Runs of frames that were covered whole for one reason: first, behind the last, reason."""
    frames = enumerate(sorted(whole))
    groups = itertools.groupby(frames, key=lambda at: (at[1] - at[0], whole[at[1]]))
    for (_, reason), group in groups:
        run = [frame for _, frame in group]
        yield run[0], run[-1] + 1, reason


def binned(counts: npt.NDArray[np.int64], bins: int) -> tuple[list[int], npt.NDArray[np.int64]]:
    """The most in each of about so many bins: edges [B + 1] and counts [B], B at least 1."""
    if not len(counts):
        return [0, 1], np.zeros(1, np.int64)
    starts = np.arange(0, len(counts), -(-len(counts) // bins))
    return [*starts.tolist(), len(counts)], np.maximum.reduceat(counts, starts)


def loads(journal: RunJournal, report: RunReport) -> tuple[list[int], npt.NDArray[np.float64]]:
    """How busy each stage was between samples, by the frames that left at that time.

    Returns:
        Frame edges [T + 1] from 0 to behind the last, and shares 0 to 1, [T, stages].
    """
    frames = max(len(journal.hidden), 1)
    totals_s = {stage.name: stage.busy_s / stage.threads for stage in report.stages}
    edges, samples = [0], [LoadSample(-1, 0.0, dict.fromkeys(totals_s, 0.0))]
    for sample in journal.loads:
        # Where hardly a frame left since, or is left to go, there is nothing to draw on.
        if edges[-1] + 2 <= sample.index + 1 <= frames - 2:
            edges.append(sample.index + 1)
            samples.append(sample)
    edges.append(frames)
    samples.append(LoadSample(frames - 1, report.wall_s, totals_s))
    busy_s = np.array([[sample.busy_s.get(name, 0.0) for name in totals_s] for sample in samples])
    # A wait is booked when it ends and counts as work until then: later sums correct earlier.
    sums_s = np.minimum.accumulate(busy_s[::-1])[::-1]
    took_s = np.maximum(np.diff([sample.wall_s for sample in samples]), 1e-3)[:, None]
    return edges, np.clip(np.diff(sums_s, axis=0) / took_s, 0, 1)
