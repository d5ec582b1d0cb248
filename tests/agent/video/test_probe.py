"""A cheap look whether a source is there."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from camera import Camera

from agent.video.probe import is_there


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
@pytest.mark.parametrize("who", ["", "viewer:p%40ss@"])
def test_a_port_that_answers(listener, scheme, who):
    url = f"{scheme}://{who}127.0.0.1:{listener.getsockname()[1]}/door"
    assert is_there(url)
    listener.close()
    assert not is_there(url)


def test_a_camera_that_comes_and_goes():
    with Camera() as camera:
        assert is_there(camera.url())
        camera.kill()
        assert not is_there(camera.url())
        camera.start()
        assert is_there(camera.url())


def test_a_file_or_a_device(tmp_path):
    assert is_there("/dev/null")
    assert not is_there("/dev/video-that-nobody-has")
    (tmp_path / "a clip?.mp4").touch()
    assert is_there(str(tmp_path / "a clip?.mp4"))
    assert not is_there(str(tmp_path / "another.mp4"))


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://",
        "rtsp://127.0.0.1:99999/",
        "rtsp://127.0.0.1:port/",
        "rtsp:///door",
        "rtsp://[::1/door",
    ],
)
def test_an_address_that_is_none_is_not_there(url):
    assert not is_there(url)


NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from agent.video.probe import is_there
os.chmod(sys.argv[2], 0)
if os.geteuid() == 0:
    os.setuid(65534)
print(is_there(sys.argv[2] + "/clip.mp4"))
"""


def test_what_may_not_be_looked_at_is_not_there(tmp_path):
    """Whoever asks is the thread that keeps the stream going, so it must get an answer."""
    (tmp_path / "clip.mp4").touch()
    command = [sys.executable, "-c", NOBODY, str(Path(__file__).parents[3]), str(tmp_path)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    tmp_path.chmod(0o700)
    assert asked.stdout == "False\n"
    assert not is_there(f"/{'x' * 300}.mp4")
