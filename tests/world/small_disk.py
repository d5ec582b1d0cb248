"""SmallDisk: a file system of a few megabytes, in which a child process finds itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))


@dataclass(frozen=True)
class SmallDisk:
    """Mounted in a name space of its own, so that nothing of it is left.

    Attributes:
        at: a folder; hidden below the file system while that is there.
        size_bytes: how much it holds.
    """

    at: Path
    size_bytes: int

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A Python program that sees the disk; skips the test where none can be mounted."""
        if shutil.which("unshare") is None or subprocess.call([*_UNSHARE, "true"]) != 0:
            pytest.skip("needs the right to mount a file system of its own")
        self.at.mkdir(parents=True, exist_ok=True)
        mount = f"mount -t tmpfs -o size={self.size_bytes} tmpfs"
        script = f'{mount} "$0" && exec "$@"'
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(
            [*_UNSHARE, "sh", "-c", script, str(self.at), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
