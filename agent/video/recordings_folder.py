"""RecordingsFolder: the files of a folder of recordings, which one agent holds at a time."""

from __future__ import annotations

import fcntl
import logging
import os
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.video.recording_name import RecordingName
from agent.video.retention import Recording
from models.part_file import is_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

_MODE = 0o750
"""Of folders: who may see recordings is in their group."""


class RecordingsFolder:
    """One folder in it a stream; what is in those and named as a recording is one.

    To look through 80,000 files takes a third of a second, so what was found is kept.

    Args:
        path: created if it isn't there.

    Attributes:
        finished: all that are finished, the oldest first: as `look` found them, and what was put
            and deleted since.
        size_bytes: of those.
        largest_bytes: of each stream's, by its folder's name.

    Raises:
        OutputError: it can't be written to, or another agent records into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished: list[Recording] = []
        self.size_bytes = 0
        self.largest_bytes: dict[str, int] = {}
        self._descriptor: int | None = _locked(path)

    @property
    def closed(self) -> bool:
        """Whether others may have it by now."""
        return self._descriptor is None

    @property
    def free_bytes(self) -> int:
        """That the agent may still write to the file system; 0 once it was closed."""
        if self._descriptor is None:
            return 0
        status = os.statvfs(self._descriptor)
        return status.f_bavail * status.f_frsize

    def create(self, stream: str, name: str) -> Path:
        """A new, empty file of a stream.

        Raises:
            OSError: it can't be created.
            OutputError: the folder is another one by now, so that nobody knows who else writes to
                it: its disk may be gone.
        """
        if self._descriptor is None or not is_at(self._descriptor, self.path.resolve()):
            raise OutputError(f"{self.path}: is not the folder it was; restart the agent")
        path = self.path / stream / name
        path.parent.mkdir(_MODE, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        return path

    def parts(self) -> Iterator[tuple[Path, RecordingName]]:
        """What is being written, or was when its process was killed."""
        for folder in self._folders():
            for entry in _entries(folder):
                name = RecordingName.parse_part(entry.name)
                if name is not None and entry.is_file(follow_symlinks=False):
                    yield folder / entry.name, name

    def look(self, told: Callable[[RecordingName], RecordingName]) -> None:
        """See what is there; what is told another name gets it now."""
        folders = self._folders()
        known = {str(each.path): each for each in self.finished}  # whose sizes stay
        self.finished, self.size_bytes, self.largest_bytes = [], 0, {}
        for folder in folders:
            for entry in _entries(folder):
                recording = known.get(entry.path) or _recording(folder, entry)
                if recording is not None:
                    name = told(recording.name)
                    if name is not recording.name:
                        recording = _renamed(recording, name)
                    self.finished.append(recording)
                    self._count(recording)
        self.finished.sort(key=_number)

    def put(self, part: Path, name: RecordingName) -> None:
        """Give what was written its name; it is finished.

        Raises:
            OSError: it can't be renamed.
        """
        path = part.with_name(str(name))
        part.rename(path)
        recording = Recording(part.parent, name, path.stat().st_size)
        insort(self.finished, recording, key=_number)
        self._count(recording)

    def delete(self, recording: Recording) -> bool:
        """Delete one that is finished; False, and a line in the log, where that can't be done."""
        try:
            recording.path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("%s: can't be deleted (%s)", recording.path, error.strerror)
            return False
        at = bisect_left(self.finished, _number(recording), key=_number)
        while self.finished[at] is not recording:  # a person's copy has the same number
            at += 1
        del self.finished[at]
        self.size_bytes -= recording.size_bytes
        return True

    def close(self) -> None:
        """Let others have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _count(self, recording: Recording) -> None:
        self.size_bytes += recording.size_bytes
        stream = recording.folder.name
        largest = self.largest_bytes.get(stream, 0)
        self.largest_bytes[stream] = max(largest, recording.size_bytes)

    def _folders(self) -> list[Path]:
        return [self.path / entry.name for entry in _entries(self.path) if entry.is_dir()]


def _number(recording: Recording) -> int:
    return recording.name.number


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # deleted meanwhile, or not ours, as a disk's lost+found
        return []


def _recording(folder: Path, entry: os.DirEntry[str]) -> Recording | None:
    name = RecordingName.parse(entry.name)
    try:
        if name is None or not entry.is_file(follow_symlinks=False):
            return None
        return Recording(folder, name, entry.stat(follow_symlinks=False).st_size)
    except OSError:  # deleted meanwhile, or its place on the disk is damaged
        return None


def _renamed(recording: Recording, name: RecordingName) -> Recording:
    renamed = Recording(recording.folder, name, recording.size_bytes)
    try:
        recording.path.rename(renamed.path)
    except OSError as error:
        _log.error("%s: can't be renamed (%s)", recording.path, error.strerror)
        return recording
    return renamed


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
