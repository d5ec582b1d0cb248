"""Cameras on a real RTSP server, which can be killed, frozen, and lie about the time."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, final
from urllib.parse import quote

import pytest
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import numpy as np

BITS = 16
"""A picture's number stands as black and white cells in its upper third, lowest bit on the left."""

PYTHON = "/usr/bin/python3"  # GStreamer's bindings come with the system, not from PyPI
_NEEDED = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ("appsrc", "x264enc", "rtph264pay")))
"""


@functools.cache
def _is_installed() -> bool:
    try:
        command = [PYTHON, "-c", _NEEDED]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@final
class Camera:
    """A process with one camera at each name, on a port that stays when it is started again.

    Every picture says which one it is (`number_of`). All who look at a camera share its pictures;
    it begins with number 0 when somebody looks, and goes on once nobody does.

    Args:
        size: width, height in pixels; the width is a multiple of 16.
        keyframes: every how many pictures one can be decoded by itself.
        slices: of each picture.
        repeats: the parameters before each slice of those.
        stamp: RTP's time of the first picture, in ticks of 90 kHz; None for any.
        user: whom alone it lets in, with `password`.
    """

    def __init__(
        self,
        *names: str,
        size: tuple[int, int] = (320, 240),
        rate: int = 25,
        keyframes: int = 25,
        slices: int = 1,
        repeats: bool = False,
        stamp: int | None = None,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self._names: Sequence[str] = names or ("door",)
        self._mount = {
            "size": size,
            "rate": rate,
            "keyframes": keyframes,
            "slices": slices,
            "repeats": repeats,
            "stamp": stamp,
        }
        self._user, self._password = user, password
        self._process: subprocess.Popen[str] | None = None
        self.port = free_port()

    def __enter__(self) -> Camera:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Be there; it answers when this returns."""
        if not _is_installed():
            pytest.skip(f"needs {PYTHON} with python3-gi and gir1.2-gst-rtsp-server-1.0")
        said = {
            "mounts": dict.fromkeys(self._names, self._mount),
            "user": self._user,
            "password": self._password,
            "port": self.port,
        }
        script = Path(__file__).with_name("rtsp_server.py")
        self._process = subprocess.Popen(
            [PYTHON, str(script), json.dumps(said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == self.port

    def kill(self) -> None:
        """Be gone at once, as a camera without power."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Keep every connection, and send nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def url(self, name: str | None = None, *, password: str | None = None) -> str:
        """Where a camera is; with another password than its own if one is given."""
        who = ""
        if self._user is not None:
            secret = self._password if password is None else password
            who = f"{quote(self._user, safe='')}:{quote(secret or '', safe='')}@"
        return f"rtsp://{who}127.0.0.1:{self.port}/{name or self._names[0]}"

    def resize(self, size: tuple[int, int], name: str | None = None) -> int:
        """Show pictures of another size; how many were shown before."""
        return self._ask("size", name, *size)

    def lie(self, by_s: float, name: str | None = None) -> int:
        """Say of every picture that it is so much later; how many were shown before."""
        return self._ask("lie", name, by_s)

    def sent(self, name: str | None = None) -> int:
        """How many pictures a camera has shown."""
        return self._ask("sent", name)

    def _ask(self, word: str, name: str | None, *numbers: float) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        line = " ".join(map(str, (word, name or self._names[0], *numbers)))
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("="):
                return int(line[1:])
        raise AssertionError("the RTSP server ended")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def number_of(luma: np.ndarray) -> int:
    """The number that a picture shows; luma uint8 [h, w]."""
    height, width = luma.shape
    cell = width // BITS
    rows = luma[height // 12 : height // 4]
    cells = [rows[:, bit * cell + cell // 4 : (bit + 1) * cell - cell // 4] for bit in range(BITS)]
    return sum(int(pixels.mean() > 128) << bit for bit, pixels in enumerate(cells))
