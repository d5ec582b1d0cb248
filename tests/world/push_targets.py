"""Servers to which streams are pushed, which can be killed, and frozen, and keep what they got."""

from __future__ import annotations

import functools
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from av.error import FFmpegError
from camera import PYTHON
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

_NEEDED = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ("rtph264depay", "h264parse", "filesink")))
"""
_VENV = Path(sys.executable).parent
_MODULES = (_VENV / "ngx_rtmp_module.so", Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"))
_NGINX = """
load_module {module};
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; ping 30s;
  application live {{ live on; record video; record_path {folder}; record_unique on;
    record_suffix -%s.flv; }} }} }}
"""


@functools.cache
def _has_gstreamer() -> bool:
    try:
        command = [PYTHON, "-c", _NEEDED]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class PushTarget(ABC):
    """A server on a port that stays when it is started again.

    Args:
        folder: where it keeps what it gets, each push in a file of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Be there; it answers when this returns."""

    def kill(self) -> None:
        """Be gone at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Keep every connection, and take nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def files(self) -> list[Path]:
        """What it got, the oldest first."""
        return sorted(self.folder.glob("cam-*"), key=lambda path: path.stat().st_ctime_ns)

    def shown(self, path: Path) -> Iterator[VideoFrame]:
        """The pictures of one push so far."""
        with suppress(FFmpegError), av.open(f"file:{path}") as film:  # cut off in the middle
            yield from film.decode(video=0)


class RtspTarget(PushTarget):
    """GStreamer's server."""

    def __init__(self, folder: Path, user: str = "", password: str = "") -> None:
        super().__init__(folder)
        self._user, self._password = user, password
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"

    def start(self) -> None:
        """See `PushTarget`."""
        if not _has_gstreamer():
            pytest.skip(f"needs {PYTHON} with python3-gi and gir1.2-gst-rtsp-server-1.0")
        script = Path(__file__).with_name("record_server.py")
        arguments = [str(self.port), str(self.folder), self._user, self._password, "cam"]
        self._process = subprocess.Popen(
            [PYTHON, str(script), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout.readline() == f"={self.port}\n".encode()


class RtmpTarget(PushTarget):
    """nginx, with its module for RTMP."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"rtmp://127.0.0.1:{self.port}/live/cam"

    def start(self) -> None:
        """See `PushTarget`."""
        nginx = shutil.which("nginx", path=f"{_VENV}:/usr/sbin:/usr/local/sbin")
        module = next((path for path in _MODULES if path.is_file()), None)
        if nginx is None or module is None:
            pytest.skip("needs nginx and its module for RTMP (libnginx-mod-rtmp)")
        config = self.folder / "nginx.conf"
        settings = _NGINX.format(module=module, folder=self.folder, port=self.port)
        config.write_text(settings)
        self._process = subprocess.Popen(
            [nginx, "-c", str(config), "-p", str(self.folder), "-e", str(self.folder / "error.log")]
        )
        self._await()

    def _await(self) -> None:
        for _ in range(1000):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 10):
                return
            time.sleep(0.01)
        raise AssertionError((self.folder / "error.log").read_text())
