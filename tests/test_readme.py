"""Every command that the README shows is run, in the README's order.

Those for a workstation in tests/distill/test_readme.py, those for a device in
tests/systemd/test_first_use.py, those for a fleet in tests/agent/service/test_fleet_readme.py.
"""

import re
import shlex
import subprocess
import sys
import zipfile
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from live_process import Client, LiveProcess
from readme import README, commands, device_commands, fleet_commands

from agent.cli import main
from distill.data.scenes import CLASSES
from tests.demo.__main__ import main as demo
from tests.demo.__main__ import render, scene

ROOT = Path(__file__).resolve().parents[1]


def test_nothing_but_these_programs_is_shown():
    assert {words[0] for words in commands()} == {"make", "pip", "sfumato", "sfumato-distill"}
    assert {shlex.split(line)[0] for line in device_commands()} == {*("sudo", "sfumato", "curl")}
    assert {words[0] for words in fleet_commands()} == {
        *("mosquitto_sub", "mosquitto_pub", "sfumato")
    }
    assert "PLACEHOLDER" not in README


def test_make_has_every_target_that_is_shown():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands():
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


@pytest.mark.slow
def test_sfumato_does_what_is_shown(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolov8n-seg.onnx").symlink_to(data / "weights" / "coco-yolov8n-seg-320.onnx")
    street = (data / "videos" / "night-crowd-1080p.mp4").read_bytes()
    (tmp_path / "street.mp4").write_bytes(street)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(street)
    (tmp_path / "photo.jpg").write_bytes((data / "images" / "bus.jpg").read_bytes())
    shown = [words[1:] for words in commands() if words[0] == "sfumato"]
    assert len(shown) >= 6
    for words in shown:
        if words[0] == "live":  # until it is asked to end
            here = [str(tmp_path / word) if (tmp_path / word).is_file() else word for word in words]
            with LiveProcess("-m", "agent", *here, "--listen", "127.0.0.1:0") as live:
                assert live.address is not None, live.said()
                assert live.end() == 0, live.said()
            continue
        assert main(words) == 0, (words, capsys.readouterr().err)
    made = {path.name for path in tmp_path.iterdir()}
    assert {"out.mp4", "out.json", "out.png", "sheet.png", "out.jpg", "redacted"} <= made


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


@pytest.mark.slow
def test_the_demo_hides_its_bottles(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo", "--out", str(tmp_path)])
    assert demo() == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 3
    assert "100 frames" in said
    assert "none of them covered whole" in said
    assert "out.mp4" in said
    assert cv2.imread(str(tmp_path / "side-by-side.jpg")).shape == (480, 1280, 3)
    assert len(frames_of(tmp_path / "out.mp4")) == 100
    # Once more in a colour that no camera sees: what is hidden, whatever an encoder makes of it.
    ours = ROOT / "models" / "demo"
    words = ["--model", ours / "bottles.sfm", "--trust", ours / "demo.pub"]
    words = [tmp_path / "bottles.mp4", tmp_path / "solid.mp4", *words, "--effect", "solid:ff00ff"]
    assert main(["blur", *map(str, words)]) == 0
    painted = frames_of(tmp_path / "solid.mp4")
    for number, truth in islice(enumerate(scene()), 0, 81, 20):
        hidden = np.linalg.norm(painted[number] - (255, 0, 255), axis=2) < 90
        background = np.ones(hidden.shape, bool)
        for seen in truth.instances:
            share = hidden[seen.mask > 0].mean()
            background &= seen.mask == 0
            if CLASSES[seen.class_id] == "bottle":
                assert share > 0.95, number
            if CLASSES[seen.class_id] == "can":
                assert share < 0.2, number
        assert hidden[background].mean() < 0.08, number


@pytest.mark.slow
def test_the_live_demo_shows_its_bottles_in_a_browser(tmp_path):
    """What `make demo-live` runs; where its port is taken, it says so."""
    words = ["make", "--dry-run", "demo-live", "LISTEN=127.0.0.1:0"]
    said = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    (command,) = (line for line in said.splitlines() if "tests.demo.live" in line)
    command = [*shlex.split(command)[1:], "--out", str(tmp_path)]
    with (tmp_path / "bottles.mp4").open("wb") as file:
        render(file, seconds=1)  # as `make demo` left one
    with LiveProcess(*command) as live, Client(live.address) as client:
        seen = client.until(lambda: [each for each in client.told if each.get("objects")])
        assert {each["label"] for each in seen[0]["objects"]} == {"bottle"}
        assert len(client.pictures) > 0
        with LiveProcess(*command, "--listen", live.address) as second:
            assert second.ended() == 4
        assert "address already in use; set --listen to another address" in second.said()
        assert "Traceback" not in second.said()
        assert live.end() == 0


@pytest.mark.slow
def test_the_demo_takes_a_network_and_a_clip_of_odd_size(data, tmp_path, monkeypatch, capsys):
    with av.open(str(tmp_path / "odd.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 321, 241, "yuv444p"
        for shade in range(8):
            picture = np.full((241, 321, 3), 20 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    words = [
        "--model",
        str(data / "weights" / "coco-yolov8n-seg-320.onnx"),
        "--clip",
        str(tmp_path / "odd.mp4"),
    ]
    monkeypatch.setattr(sys, "argv", ["demo", "--out", str(tmp_path / "out"), *words])
    assert demo() == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert cv2.imread(str(tmp_path / "out/side-by-side.jpg")).shape[0] == 241


@pytest.mark.slow
def test_what_pip_installs_is_the_agent_without_torch(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
    )
    (wheel,) = tmp_path.glob("sfumato-*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        metadata = next(files.read(n).decode() for n in names if n.endswith("METADATA"))
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "agent",
        "distill",
        "models",
    }
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert needed
    assert not [line for line in needed if "torch" in line and "extra" not in line]
