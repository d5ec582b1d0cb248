"""A camera's password appears nowhere: in no error, no log line, no traceback."""

import base64
import logging
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import av
import pytest
from camera import Camera

from agent.errors import RefusedError
from agent.video.live_source import LiveSource

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WRONG = "p@ss:w/örd?&wrong"

CHILD = """
import logging, sys, threading
logging.basicConfig(level=1, stream=sys.stdout)
logging.captureWarnings(True)
from agent.errors import RefusedError
from agent.video.file_source import FileSource
from agent.video.live_source import LiveSource

url, clip = sys.argv[1:]
over = threading.Event()

def open_files():  # while one is opened, libav may speak for all threads
    while not over.is_set():
        FileSource(clip).close()

threads = [threading.Thread(target=open_files) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(20):
    try:
        LiveSource(url, name="door", open_timeout_s=60, stall_s=60)
    except RefusedError:
        logging.exception("tried")
over.set()
for thread in threads:
    thread.join()
LiveSource(url, name="door", open_timeout_s=60, stall_s=60)
"""


def told(secret):
    """All that a text with the secret in it may look like."""
    pair = f"viewer:{secret}".encode()
    return secret, quote(secret, safe=""), quote(secret), base64.b64encode(pair).decode()


@pytest.fixture(scope="module")
def camera():
    with Camera(user="viewer", password="right") as camera:  # noqa: S106 - a test's
        yield camera


def test_the_right_one_opens_it_and_a_wrong_one_is_said_to_be_wrong(camera):
    source = LiveSource(camera.url(), name="door", open_timeout_s=60, stall_s=60)
    assert next(source).size == (320, 240)
    source.close()
    with pytest.raises(RefusedError) as caught:
        LiveSource(camera.url(password=WRONG), name="door", open_timeout_s=60, stall_s=60)
    assert str(caught.value) == (
        "door: asks for another password (401); give the right one with its address"
    )
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_whatever_comes_out_of_the_process_it_is_not_in_it(camera, clip):
    url = camera.url(password=WRONG)
    with pytest.raises(av.FFmpegError) as raw:
        av.open(url)
    assert quote(WRONG, safe="") in str(raw.value)  # so it would be, without care
    said = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", CHILD, url, str(clip)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    out = said.stdout + said.stderr
    assert said.returncode == 1
    assert out.count("RefusedError: door: asks for another password (401)") == 21
    assert [secret for secret in told(WRONG) if secret in out] == []
    assert "viewer" not in out
    assert "libav" not in out


class Everything(logging.Handler):
    """Keeps every record that comes to the root, as a service's own handler would print it."""

    def __init__(self):
        super().__init__(level=1)
        self.records = []

    def emit(self, record):
        self.records.append(record)


def test_what_libav_says_while_a_file_is_opened_reaches_no_log(capfd):
    """It may be another thread's, about a camera."""
    root, handler = logging.getLogger(), Everything()
    root.addHandler(handler)
    av.logging.set_level(av.logging.INFO)
    try:
        av.logging.log(av.logging.ERROR, "rtsp", f"rtsp://viewer:{WRONG}@10.0.0.5/ failed")
    finally:
        av.logging.set_level(None)
        root.removeHandler(handler)
    assert handler.records == []
    assert capfd.readouterr() == ("", "")
