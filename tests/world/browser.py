"""Browser: a real Chromium without a screen, which plays files and says how that went."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"),
)
_LIMIT_S = 120

_PAGE = """<!doctype html><video muted playsinline preload="auto"></video><script>
const video = document.querySelector("video"), times = [];
let said = false;
function say(error) {
  if (said) return;
  said = true;
  const body = {error, duration: video.duration, ended: video.ended, at: video.currentTime,
    width: video.videoWidth, frames: video.getVideoPlaybackQuality().totalVideoFrames, times};
  fetch("said", {method: "POST", body: JSON.stringify(body)});
}
function note(_, frame) { times.push(frame.mediaTime); video.requestVideoFrameCallback(note); }
video.requestVideoFrameCallback((now, frame) => {
  note(now, frame);
  video.play().catch(error => say(String(error)));
});
video.onended = () => say(null);
video.onerror = () => say(video.error.message || String(video.error.code));
video.src = "video";
</script>"""
"""It plays only once the first picture is shown: a machine that is busy would skip it else."""


@dataclass(frozen=True)
class Playback:
    """What a page heard of its video element.

    Attributes:
        error: why it stopped, or None.
        ended: whether it came to the end.
        at_s: how far it came.
        duration_s: how long the browser takes the file to be.
        frames: decoded or dropped in time to be shown.
        first_s: time of the first picture that was shown.
        width: pixels.
    """

    error: str | None
    ended: bool
    at_s: float
    duration_s: float | None
    frames: int
    first_s: float | None
    width: int


class Browser:
    """Plays videos, one after the other, at their own speed."""

    def __init__(self) -> None:
        said: queue.Queue[dict] = queue.Queue()
        self._said, self._video = said, Path()
        browser = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/":
                    self._answer(200, "text/html", _PAGE.encode())
                elif self.path == "/video":
                    self._answer(200, "video/mp4", browser._video.read_bytes())
                else:
                    self._answer(404, "text/plain", b"")

            def do_POST(self) -> None:
                said.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(200, "text/plain", b"")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, video: Path) -> Playback:
        """Play a file to its end."""
        self._video = video
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            address = f"http://127.0.0.1:{self._server.server_port}/"
            process = subprocess.Popen(
                [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", address],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                said = self._said.get(timeout=_LIMIT_S)
            finally:
                process.terminate()
                process.wait(_LIMIT_S)
        return Playback(
            said["error"],
            said["ended"],
            said["at"],
            said["duration"],
            said["frames"],
            min(said["times"], default=None),
            said["width"],
        )
