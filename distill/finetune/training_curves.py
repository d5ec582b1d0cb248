"""Curves: a run's figures and pictures as TensorBoard reads them.

Written between the steps. TensorBoard's own writer is a thread, which on a full disk ends with a
traceback of its own and lets the run hear of it some figures later.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import summary

from distill.files import writing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

_VERSION = "brain.Event:2"


class Curves:
    """An event file in a folder, beside those of the parts of the run before.

    Args:
        folder: where; it is made.
        step: the next; what older files have from there on is no longer shown.

    Raises:
        OutputError: it can't be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        name = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        with writing(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        self._records = RecordWriter(self._file)
        self._add(step, file_version=_VERSION)
        self._add(step, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Figures by name.

        Raises:
            OutputError: they can't be written.
        """
        for name, value in values.items():
            self._add(step, summary=summary.scalar(name, value))

    def image(self, name: str, pixels: npt.NDArray[np.uint8], step: int) -> None:
        """A picture, RGB [h, w, 3].

        Raises:
            OutputError: it can't be written.
        """
        self._add(step, summary=summary.image(name, pixels, dataformats="HWC"))

    def close(self) -> None:
        """End the file."""
        with suppress(OSError):  # of what a full disk did not take; that was said
            self._file.close()

    def _add(self, step: int, **content: Any) -> None:
        event = Event(step=step, wall_time=time.time(), **content)
        with writing(self._path):
            self._records.write(event.SerializeToString())
            self._file.flush()
