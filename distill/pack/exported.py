"""Exported: a student as an ONNX file, made in a process of its own.

PyTorch and its exporter hold 0.8 GB that nothing gives back but the end of their process: with them
beside calibration, 640 px took 1.6 GB.
"""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.manifest import Size


@dataclass(frozen=True, slots=True)
class Exported:
    """A student without PyTorch.

    Attributes:
        sha256: of its weights' file.
        classes: names by class id.
        sizes: widths and heights of the input; thresholds and figures hold for the first.
        model: the ONNX file in FP32, for one image a run.
    """

    sha256: str
    classes: tuple[str, ...]
    sizes: tuple[Size, ...]
    model: bytes


def exported(path: Path, sizes: Sequence[Size] = ()) -> Exported:
    """Read and export a student; see `distill.pack.student.read_student`.

    Raises:
        ModelError: the file can't be read, does not segment, or can't be exported.
        UsageError: its name has another ending.
    """
    apart = ProcessPoolExecutor(
        1,
        get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for the command, which ends this, too
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        with apart:
            return apart.submit(_exported, path, sizes).result()
    except BrokenProcessPool as error:
        raise ModelError(
            f"{path}: the export ended at once; it needs 1 GB of memory, close other programs"
        ) from error


def _exported(path: Path, sizes: Sequence[Size]) -> Exported:
    from distill.pack.student import read_student  # noqa: PLC0415 PyTorch, only in that process

    student = read_student(path, sizes)
    model = student.to_onnx(dynamic=False)
    return Exported(student.sha256, student.classes, student.sizes, model)
