"""Recorder: the folder that streams record into, opened once one of them does.

A disk that isn't there is a fault of the streams that record, who try again; the others go on.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.telemetry.status import RecordingsStatus
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config.tree import RecordConfig
    from agent.video.segments_output import SegmentsOutput

_RETAIN_S = 60.0
"""How often recordings are looked through for what is too old; segments do it, too."""
_CLOSE_S = 1.0
"""How long that may hold up the end."""


class Recorder:
    """Makes outputs for the segments of streams, and keeps no more of them than it is told.

    Args:
        clock: what segments are named by.
    """

    def __init__(self, config: RecordConfig, clock: WallClock | None = None) -> None:
        self._config, self._clock = config, clock or WallClock()
        self._lock = threading.Lock()
        self._recordings: Recordings | None = None
        self._opens = False
        self._closed = threading.Event()
        # Apart, for a disk may hang, and whoever feeds the watchdog must not wait for one.
        self._retention = threading.Thread(target=self._retain, name="retention", daemon=True)

    def start(self, *, opens: bool) -> None:
        """From now on delete what is not to be kept.

        Args:
            opens: recover what a killed run left now, and not only once a stream records.
        """
        self._opens = opens
        self._retention.start()

    def output(self, stream: str, on_segment: Callable[[], None]) -> SegmentsOutput:
        """Where a stream's packets go.

        Raises:
            OutputError: the folder can't be written to, another agent records into it, or this was
                closed.
        """
        return self._opened().output(stream, self._config.segment_s, on_segment)

    def adjust(self, config: RecordConfig) -> None:
        """Keep as much as another configuration says; sessions that begin cut as it says."""
        self._config = config.model_copy(update={"dir": self._config.dir})
        if (recordings := self._recordings) is not None:
            recordings.keep = _keep(self._config)

    def status(self) -> RecordingsStatus | None:
        """How much there is; None while nothing was recorded, or the disk doesn't say."""
        recordings = self._recordings
        if recordings is None:
            return None
        try:
            return RecordingsStatus(
                recordings.size_bytes,
                recordings.free_bytes,
                recordings.deleted,
                recordings.deleted_early,
            )
        except OSError:
            return None

    def close(self) -> None:
        """Let another agent record here."""
        self._closed.set()
        if self._retention.is_alive():
            self._retention.join(_CLOSE_S)
        with self._lock:
            if self._recordings is not None:
                self._recordings.close()

    def _opened(self) -> Recordings:
        with self._lock:
            if self._closed.is_set():
                raise OutputError(f"{self._config.dir}: the agent ends")
            if self._recordings is None:
                folder = self._config.dir
                self._recordings = Recordings(folder, _keep(self._config), self._clock)
                self._recordings.keep = _keep(self._config)  # `adjust` may have come meanwhile
            return self._recordings

    def _retain(self) -> None:
        if self._opens:
            with suppress(OutputError):  # the streams that record say so
                self._opened()
        while not self._closed.wait(_RETAIN_S):
            with self._lock:
                if self._recordings is not None and not self._closed.is_set():
                    self._recordings.retain()


def _keep(config: RecordConfig) -> Keep:
    keep = config.keep
    return Keep(bytes=keep.bytes, days=keep.days, free=keep.free)
