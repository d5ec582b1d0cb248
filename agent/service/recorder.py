"""Recorder: the folder that streams record into, opened once one of them does.

A disk that isn't there is a fault of the streams that record, who try again; the others go on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.telemetry.status import RecordingsStatus
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config.tree import RecordConfig
    from agent.video.segments_output import SegmentsOutput


class Recorder:
    """Makes outputs for the segments of streams.

    Args:
        clock: what segments are named by.
    """

    def __init__(self, config: RecordConfig, clock: WallClock | None = None) -> None:
        self._config, self._clock = config, clock or WallClock()
        self._lock = threading.Lock()
        self._recordings: Recordings | None = None

    def output(self, stream: str, on_segment: Callable[[], None]) -> SegmentsOutput:
        """Where a stream's packets go.

        Raises:
            OutputError: the folder can't be written to, or another agent records into it.
        """
        with self._lock:
            if self._recordings is None:
                folder = self._config.dir
                self._recordings = Recordings(folder, _keep(self._config), self._clock)
            recordings, segment_s = self._recordings, self._config.segment_s
        return recordings.output(stream, segment_s, on_segment)

    def adjust(self, config: RecordConfig) -> None:
        """Keep as much as another configuration says; sessions that begin cut as it says."""
        with self._lock:
            self._config = config.model_copy(update={"dir": self._config.dir})
            if self._recordings is not None:
                self._recordings.keep = _keep(config)

    def retain(self) -> None:
        """Delete what is not to be kept, also where nothing is recorded now."""
        if self._recordings is not None:
            self._recordings.retain()

    def status(self) -> RecordingsStatus | None:
        """How much there is; None while nothing was recorded."""
        recordings = self._recordings
        if recordings is None:
            return None
        return RecordingsStatus(recordings.size_bytes, recordings.free_bytes, recordings.deleted)

    def close(self) -> None:
        """Let another agent record here."""
        with self._lock:
            if self._recordings is not None:
                self._recordings.close()
                self._recordings = None


def _keep(config: RecordConfig) -> Keep:
    keep = config.keep
    return Keep(bytes=keep.bytes, days=keep.days, free=keep.free)
