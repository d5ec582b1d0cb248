"""Recordings: a folder of recordings, one folder in it a stream; the folder itself is the index.

A segment is written under a hidden name and gets its own when it is whole and on the disk. Nothing
is known of recordings but what their names say, so nothing that is lost elsewhere loses one, and no
file that isn't named exactly as one is touched.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.video.fragments import cut_to_whole
from agent.video.recording_name import RecordingName, SinceBoot
from agent.video.retention import Keep, Moment, Recording, retain
from agent.video.segments_output import SegmentsOutput
from models.part_file import is_at, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from agent.wall_clock import WallClock

_log = logging.getLogger(__name__)

_MODE = 0o750
"""Of folders: who may see recordings is in their group."""


class Recordings:
    """A folder of recordings, held by this object alone until `close`; from any thread.

    Left-overs of a killed run are recovered at once: cut to what can be played, and named.

    A recording that has its name is on the disk. What is being written reaches it when the system
    likes, on Linux within about 30 s, so that is what a power cut costs; a process that is killed
    loses about a second.

    Args:
        folder: created if it isn't there.
        keep: may be assigned anew; holds from the next segment on.

    Attributes:
        deleted: recordings that had to go so far.

    Raises:
        OutputError: the folder can't be written to, or another agent records into it.
    """

    def __init__(self, folder: Path, keep: Keep, clock: WallClock) -> None:
        self.folder, self.keep, self.clock = folder, keep, clock
        self.deleted = 0
        self._boot = SinceBoot.of(clock.boot_id, 0).boot
        self._known: dict[str, Recording] = {}
        self._open: dict[Path, RecordingName] = {}
        self._lock = threading.Lock()
        self._descriptor: int | None = _locked(folder)
        # Having a memory card hold what was written takes it a second, which frames don't have.
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        self._recover()
        finished = (recording.name.number for recording in self._finished())
        stuck = (name.number for _, name in self._parts())
        self._number = max([0, *finished, *stuck])

    def output(
        self, stream: str, segment_s: float, on_segment: Callable[[], None]
    ) -> SegmentsOutput:
        """Where the packets of one session of a stream go; `SegmentsOutput` says the rest."""
        return SegmentsOutput(self, stream, segment_s, on_segment)

    @property
    def size_bytes(self) -> int:
        """Of all recordings, those that are being written included."""
        with self._lock:
            return sum(recording.size_bytes for recording in self._finished()) + sum(
                map(_size_bytes, self._open)
            )

    @property
    def free_bytes(self) -> int:
        """That the agent may still write to the file system."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Wait for what is being named, and let others have the folder."""
        self._settler.shutdown()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def begin(self, stream: str) -> Path:
        """Make room for a recording that begins now; where it is to be written.

        Raises:
            OSError: it can't be written to.
            OutputError: the folder is another one by now, so that nobody knows who else writes to
                it, and where: its disk may be gone.
        """
        with self._lock:
            if self._descriptor is None or not is_at(self._descriptor, self.folder.resolve()):
                raise OutputError(f"{self.folder}: is not the folder it was; restart the agent")
            folder = self.folder / stream
            folder.mkdir(_MODE, exist_ok=True)
            self._make_room(stream)
            self._number += 1
            since_boot = SinceBoot.of(self.clock.boot_id, self.clock.monotonic())
            doubt = None if self.clock.synced else since_boot
            name = RecordingName(int(self.clock.now()), self._number, doubt)
            part = folder / name.part
            self._open[part] = name
            return part

    def settle(self, part: Path) -> Future[None]:
        """Have the disk hold what `begin` made room for, and give it its name, on another thread.

        The result raises OutputError when that can't be done; then the next start tries again.
        """
        return self._settler.submit(self._settle, part)

    def _settle(self, part: Path) -> None:
        try:
            whole = cut_to_whole(part)
            with self._lock:
                name = self._open.pop(part)
                if whole:
                    part.rename(part.with_name(str(self._told(name))))
            if whole:
                sync(part.parent)
        except FileNotFoundError:
            _log.warning("%s: somebody deleted it", part)
        except OSError as error:
            raise OutputError(f"{part.parent}: can't be written ({error.strerror})") from error
        finally:
            with self._lock:
                self._open.pop(part, None)

    def _told(self, name: RecordingName) -> RecordingName:
        """With the true time, if it is known by now."""
        if name.since_boot is None or not self.clock.synced:
            return name
        return name.told(self._boot, self.clock.now() - self.clock.monotonic())

    def _recover(self) -> None:
        """Name what a killed run left."""
        for part, name in tuple(self._parts()):
            try:
                if cut_to_whole(part):
                    part.rename(part.with_name(str(self._told(name))))
                    sync(part.parent)
                    _log.info("%s: recovered what a killed run left", name)
            except OSError as error:  # its place on the disk is damaged; the rest is not
                _log.error("%s: can't be recovered (%s)", part, error.strerror)

    def _parts(self) -> Iterator[tuple[Path, RecordingName]]:
        for folder in self._folders():
            for path in folder.iterdir():
                name = RecordingName.parse_part(path.name)
                if name is not None and path.is_file() and not path.is_symlink():
                    yield path, name

    def _folders(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.is_dir()]

    def _finished(self) -> list[Recording]:
        """All finished recordings; those whose true time has come to be known get it now."""
        known = {}
        for folder in self._folders():
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    recording = self._known.get(entry.path) or _recording(entry)
                    if recording is not None:
                        recording = self._renamed(recording)
                        known[str(recording.path)] = recording
        self._known = known  # a finished one's size stays
        return list(known.values())

    def _renamed(self, recording: Recording) -> Recording:
        told = self._told(recording.name)
        if told == recording.name:
            return recording
        path = recording.path.with_name(str(told))
        try:
            recording.path.rename(path)
        except OSError as error:
            _log.error("%s: can't be renamed (%s)", recording.path, error.strerror)
            return recording
        return Recording(path, told, recording.size_bytes)

    def _make_room(self, stream: str) -> None:
        finished = self._finished()
        written = [(part.parent.name, _size_bytes(part)) for part in self._open]
        # What is being written may grow to the size of its stream's largest.
        largest: dict[str, int] = {}
        for recording in finished:
            name = recording.path.parent.name
            largest[name] = max(largest.get(name, 0), recording.size_bytes)
        growth = sum(max(0, largest.get(name, 0) - size) for name, size in [*written, (stream, 0)])
        used = sum(recording.size_bytes for recording in finished) + sum(s for _, s in written)
        clock = self.clock
        synced = clock.synced
        now = Moment(
            clock.now() if synced or clock.steps == 0 else None,
            synced,
            SinceBoot.of(clock.boot_id, clock.monotonic()),
        )
        retain(finished, self.keep, now, used + growth, self.free_bytes - growth, self._delete)

    def _delete(self, recording: Recording) -> bool:
        try:
            recording.path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("%s: can't be deleted (%s)", recording.path, error.strerror)
            return False
        self.deleted += 1
        return True


def _recording(entry: os.DirEntry[str]) -> Recording | None:
    name = RecordingName.parse(entry.name)
    if name is None or not entry.is_file(follow_symlinks=False):
        return None
    return Recording(Path(entry.path), name, entry.stat(follow_symlinks=False).st_size)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _locked(folder: Path) -> int:
    """A descriptor of the folder, which nobody else holds a lock on."""
    try:
        folder.mkdir(_MODE, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(None, "permission denied, or a file system to be read only")
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise OutputError(
            f"{folder}: can't record into it ({error.strerror}); give it to the agent's user, and "
            "where a systemd unit runs it, name it there in ReadWritePaths="
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutputError(f"{folder}: another agent records into it") from None
    except OSError:  # a file system without locks
        pass
    return descriptor
