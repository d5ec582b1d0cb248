"""Recordings: what a service has recorded and records, in a folder that is its own index.

A segment is written under a hidden name and gets its own when it is whole and on the disk. Nothing
is known of recordings but what their names say, so nothing that is lost elsewhere loses one, and no
file that isn't named exactly as one is touched.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.video.fragments import cut_to_whole
from agent.video.recording_name import RecordingName, SinceBoot
from agent.video.recordings_folder import RecordingsFolder
from agent.video.retention import Keep, Moment, Recording, retain
from agent.video.segments_output import SegmentsOutput
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from agent.wall_clock import WallClock

_log = logging.getLogger(__name__)

_PATIENCE_S = 3600.0
"""So long a clock that is not synchronised deletes nothing: it may be wrong from boot until its
daemon has set it. Chosen, not measured; a daemon with a network takes a minute."""


class Recordings:
    """A folder of recordings, held by this object alone until `close`; from any thread.

    What a killed run left is recovered at once: cut to what can be played, and named.

    A recording that has its name is on the disk. What is being written reaches it when the system
    likes, on Linux within about 30 s, so that is what a power cut costs; a process that is killed
    loses about a second, two at most; of a camera that gives fewer than 8 pictures a second and
    doesn't say so, as some do in the dark, a dozen pictures.

    Args:
        folder: created if it isn't there; one folder in it a stream.
        keep: may be assigned anew; holds from the next segment on.

    Attributes:
        deleted: recordings that had to go so far.
        deleted_early: those of them that `keep.days` would have kept: there was no room.

    Raises:
        OutputError: the folder can't be written to, or another agent records into it.
    """

    def __init__(self, folder: Path, keep: Keep, clock: WallClock) -> None:
        self.keep, self.clock = keep, clock
        self.deleted = self.deleted_early = 0
        self._files = RecordingsFolder(folder)
        self._boot = SinceBoot.of(clock.boot_id, 0).boot
        self._opened_s = clock.monotonic()
        self._open: dict[Path, RecordingName] = {}
        self._lock = threading.Lock()
        # Having a memory card hold what was written takes it a second, which frames don't have.
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        self._retaining: Future[None] | None = None
        for part, name in tuple(self._files.parts()):
            self._recover(part, name)
        self._files.look(self._teller())
        stuck = (name.number for _, name in self._files.parts())
        finished = (recording.name.number for recording in self._files.finished)
        self._number = max([0, *finished, *stuck])
        self._make_room(self.keep)

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._files.path

    @property
    def size_bytes(self) -> int:
        """Of all recordings, those that are being written included."""
        with self._lock:
            return self._files.size_bytes + sum(map(_size_bytes, self._open))

    @property
    def free_bytes(self) -> int:
        """That the agent may still write to the file system."""
        return self._files.free_bytes

    def output(
        self, stream: str, segment_s: float, on_segment: Callable[[], None]
    ) -> SegmentsOutput:
        """Where the packets of one session of a stream go; `SegmentsOutput` says the rest."""
        return SegmentsOutput(self, stream, segment_s, on_segment)

    def retain(self) -> Future[None]:
        """See what is there by now, and delete what is not to be kept; once a minute or so.

        `begin` deletes what there is no room for, but doesn't look for what is too old. Done on
        another thread, for a disk may hang.
        """
        if self._retaining is None or self._retaining.done():
            self._retaining = self._settler.submit(self._retain)
        return self._retaining

    def close(self) -> None:
        """Wait for what is being named, and let others have the folder.

        An output that has not ended fails, and what it wrote is recovered at the next start.
        """
        self._settler.shutdown()
        with self._lock:
            self._files.close()

    def begin(self, stream: str) -> Path:
        """Make room for a recording that begins now; the file it is to be written to.

        Raises:
            OSError: it can't be created.
            OutputError: the folder is gone, or another one.
        """
        with self._lock:
            self._make_room(replace(self.keep, days=None), stream)
            self._number += 1
            doubt = None if self.clock.synced else self._since_boot()
            name = RecordingName(int(self.clock.now()), self._number, doubt)
            part = self._files.create(stream, name.part)
            self._open[part] = name
            return part

    def settle(self, part: Path) -> Future[None]:
        """Have the disk hold what `begin` made room for, and give it its name, on another thread.

        The result raises OutputError when that can't be done; then the next start tries again.

        Raises:
            OutputError: after `close`; likewise.
        """
        try:
            return self._settler.submit(self._settle, part)
        except RuntimeError as error:
            raise OutputError(f"{part.parent}: the agent ends") from error

    def _retain(self) -> None:
        try:
            with self._lock:
                self._files.look(self._teller())
                self._make_room(self.keep)
        except OSError as error:
            _log.error("%s: can't be looked through (%s)", self.folder, error.strerror)

    def _settle(self, part: Path) -> None:
        try:
            whole = cut_to_whole(part)
            with self._lock:
                name = self._open.pop(part)
                if whole:
                    self._files.put(part, self._teller()(name))
            if whole:
                sync(part.parent)
        except FileNotFoundError:
            _log.warning("%s: somebody deleted it", part)
        except OSError as error:
            raise OutputError(f"{part.parent}: can't be written ({error.strerror})") from error
        finally:
            with self._lock:
                self._open.pop(part, None)

    def _recover(self, part: Path, name: RecordingName) -> None:
        try:
            if cut_to_whole(part):
                self._files.put(part, self._teller()(name))
                sync(part.parent)
                _log.info("%s: recovered what a killed run left", name)
        except OSError as error:  # its place on the disk is damaged; the rest is not
            _log.error("%s: can't be recovered (%s)", part, error.strerror)

    def _since_boot(self) -> SinceBoot:
        return SinceBoot.of(self.clock.boot_id, self.clock.monotonic())

    def _teller(self) -> Callable[[RecordingName], RecordingName]:
        """Gives a name the true time, if it is known by now; to ask for each would take long."""
        if not self.clock.synced:
            return lambda name: name
        booted_s = self.clock.now() - self.clock.monotonic()
        return lambda name: name.told(self._boot, booted_s)

    def _make_room(self, keep: Keep, stream: str | None = None) -> None:
        """Delete until the rest fits, with what is being written and what `stream` begins."""
        files = self._files
        if files.closed:  # nobody knows how much is free any more
            return
        written = [(part.parent.name, _size_bytes(part)) for part in self._open]
        used = files.size_bytes + sum(size for _, size in written)
        if stream is not None:
            written.append((stream, 0))
        # Each may grow to the size of its stream's largest.
        growth = sum(max(0, files.largest_bytes.get(name, 0) - size) for name, size in written)
        free = self.free_bytes - growth
        early = retain(files.finished, keep, self._moment(), used + growth, free, self._delete)
        if self.keep.days is not None:
            self.deleted_early += early

    def _moment(self) -> Moment:
        synced = self.clock.synced
        was_set = self.clock.steps > 0
        waited = self.clock.monotonic() - self._opened_s >= _PATIENCE_S
        believed = synced or (waited and not was_set)
        return Moment(self.clock.now() if believed else None, synced, self._since_boot())

    def _delete(self, recording: Recording) -> bool:
        is_gone = self._files.delete(recording)
        self.deleted += is_gone
        return is_gone


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
