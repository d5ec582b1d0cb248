"""Whether OpenCV can be imported, on which every command stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.interpreter import Interpreter

_SHARED = ("libGL.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0")
"""What its wheel wants of the system, and a bare one doesn't have."""


def look_at_opencv(interpreter: Interpreter) -> Iterator[Finding]:
    """A finding where it can't; else nothing is said of it."""
    answer = interpreter.ask("import cv2\nsaid = cv2.__version__")
    if not answer.fault:
        return
    command = interpreter.install("--force-reinstall", "opencv-python>=4.9")
    if any(library in answer.fault for library in _SHARED):
        command = "sudo apt-get install libgl1 libglib2.0-0"
    said = f"can't be imported: {answer.fault}"
    yield Finding("opencv", "missing", said, command, needed=True)
