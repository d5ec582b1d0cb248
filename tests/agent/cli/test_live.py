"""`sfumato live` from outside: it says where it is, takes a camera, and ends when it is asked to."""

import json
import struct
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest
from live_process import Client, LiveProcess
from pushes import pushes
from websockets.sync.client import connect
from worlds import World

from agent.cli import main

pytestmark = pytest.mark.slow  # processes, and as many models loaded

REPOSITORY = Path(__file__).parents[3]
DEMO = REPOSITORY / "models/demo"
MODEL = ["--model", str(DEMO / "bottles.sfm"), "--trust", str(DEMO / "demo.pub")]
COMMAND = ["-m", "agent", "live", *MODEL, "--listen", "127.0.0.1:0"]
CAMERA = {"codec": "h264", "width": 160, "height": 96}
HELLO = {"type": "hello", "v": 1, "token": None, "want": "camera", "stream": None, "as": "h264"}


def test_a_browser_is_a_camera_and_ctrl_c_ends_it_well():
    with LiveProcess(*COMMAND) as server:
        url = f"ws://{server.address}/ws"
        with connect(url, origin=f"http://{server.address}", proxy=None) as socket:
            socket.send(json.dumps({**HELLO, "camera": CAMERA}))
            assert json.loads(socket.recv(60))["type"] == "welcome"
            numbers, pictures = {}, []
            coded = pushes(World(frames=24))
            for number, (time_us, data) in enumerate(coded, 1):
                socket.send(struct.pack(">BBHIQ", 16, number == 1, 0, number, time_us) + data)
                numbers[number] = "sent"
                while sum(state == "sent" for state in numbers.values()) >= 4 or (
                    number == len(coded) and not pictures
                ):
                    said = socket.recv(60)
                    if isinstance(said, bytes):
                        pictures.append(struct.unpack_from(">BBHI", said)[3])
                    elif (told := json.loads(said))["type"] == "taken":
                        numbers[told["number"]] = "taken"
            assert pictures
        assert server.end() == 0
        assert "Traceback" not in server.said()


def test_a_file_is_watched_paused_stepped_and_sought_and_told_of(tmp_path):
    clip = World(frames=150).write(tmp_path / "clip.mp4")
    with LiveProcess(*COMMAND, clip, "--loop") as server, Client(server.address) as client:
        welcome = client.told_of("welcome")
        assert (welcome["stream"], welcome["limit"], welcome["latency"]) == ("video", 0, "short")
        state = client.state(state="live")
        assert state["seekable"]
        assert state["duration_s"] == pytest.approx(6, abs=0.1)
        orders = [client.order("pause"), client.order("pause")]  # within 10 ms
        assert [client.answer(each) for each in orders] == [None, None]
        client.state(state="paused")
        before = len(client.pictures)
        orders = [client.order("seek", 4.0), client.order("seek", 2.0)]
        assert [client.answer(each) for each in orders] == [None, None]
        client.until(lambda: len(client.pictures) > before)
        state = client.state(state="paused", position_s=pytest.approx(2, abs=0.1))
        orders = [client.order("step"), client.order("step")]
        assert [client.answer(each) for each in orders] == [None, None]
        client.state(position_s=pytest.approx(2.08, abs=0.001))
        assert client.answer(client.order("seek", 99.0)) == "the file ends after 6.0 s"
        assert client.answer(client.order("resume")) is None
        client.until(lambda: len(client.pictures) > before + 20)
        assert all(a < b for a, b in pairwise(client.pictures))
        with urllib.request.urlopen(f"http://{server.address}/healthz", timeout=60) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=60) as answer:
            assert 'sfumato_live_state{state="live",stream="video"} 1.0' in answer.read().decode()
        assert client.answer(client.order("seek", 5.5)) is None
        clip.write_text("no video at all\n" * 50)
        assert client.state(state="reconnecting")["why"].startswith("clip.mp4: ")
        assert str(tmp_path) not in json.dumps(client.told)
        assert server.end() == 0
        assert "Traceback" not in server.said()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--every", "0"], 2, "--every 0"),
        (["--max-interval", "90"], 2, "--max-gap 90"),
        (["--clients", "0"], 2, "--clients 0: give a number from 1 to 64"),
        (["--tls-cert", "c.pem"], 2, "--tls-cert and --tls-key belong together"),
        (["--token-file", "nowhere"], 3, "nowhere: the token can't be read"),
        (["--token-file", "/dev/null"], 3, "holds no token"),
        (["--listen", "0.0.0.0:0"], 2, "token"),
        (["--classes", "unicorn"], 2, "unicorn"),
        (["nowhere.mp4"], 3, "nowhere.mp4: No such file or directory"),
        (["--push", "rtsp://127.0.0.1/x"], 2, "name a camera or a file"),
        (["--loop"], 2, "name a camera or a file"),
        (["rtsp://me:secret@10.0.0.5/x"], 2, "password"),
        (["rtsp://:70000/x"], 2, "SOURCE: should be rtsp://USER:PASSWORD@HOST"),
        (["rtsp://10.0.0.5/x", "--push", "rtsp://me:secret@127.0.0.1/x"], 2, "password"),
    ],
)
def test_what_can_not_be_is_told_in_a_line(words, code, said, capsys):
    assert main(["live", *MODEL, *words]) == code
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1]
    assert "secret" not in "".join(err)


def test_an_unsigned_model_is_not_run_unasked(capsys):
    assert main(["live", *MODEL[:2]]) == 5
    assert "sign" in capsys.readouterr().err
