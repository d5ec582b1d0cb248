"""KernelFile: what small files of the kernel say, which may be away, or not answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 64 * 1024
"""Of a file. Chosen, not measured: NVIDIA's largest nvpmodel.conf has about 30 KiB."""


def found(folder: Path, pattern: str) -> list[Path]:
    """Paths that match, in the order of their names."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # a device went away meanwhile
        return []


def integer(path: Path) -> int | None:
    """A file's number; None where it can't be read, or is none."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def text(path: Path) -> str | None:
    """A small file's text; None where it can't be read.

    By descriptor: a Jetson's zones that are switched off answer EAGAIN, which Python's own files
    take for "nothing yet" and answer with a TypeError. And nothing here may wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace").strip() or None
    except OSError:
        return None
    finally:
        os.close(descriptor)
