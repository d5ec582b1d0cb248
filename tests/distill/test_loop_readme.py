"""The README's whole loop, command by command: from one rendered clip to a camera that hides bottles."""

import json
import shutil
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import av
import numpy as np
import pytest
import torch
import yaml
from broker import Broker
from faster_coco_eval.core import mask as coco_mask
from networks import network
from ports import free_port
from readme import loop_commands, loop_settings
from running_agent import RunningAgent, segments
from torch import nn
from worlds import write_world_bundle

from agent.cli import main as sfumato
from distill.cli import main as distill
from models.bundle import Bundle
from models.signing import load_public
from tests.demo.bundle import _put_back
from tests.distill.yolos import build

DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
TEACHER = "weights/rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-ec670f7e.pth"
CLIP = ("--clips", "1", "--frames", "48", "--size", "320x240", "--domain", "b", "--seed", "21")
ONLY = "clip-0000"
MAGENTA = (255, 0, 255)
OLD_TURNS = 30_000
"""Of a loop that does nothing, so that the old network takes about as long as the new one: one that
is so much slower than the one before would not pass its probation."""

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


def test_what_was_learned_from_one_clip_runs_on_a_camera(folder, capsys):
    render(folder)
    write_student(folder / "start.pt")
    write_configs(folder / "configs")
    port = free_port()
    shown = loop_commands()
    assert [words[:3] for words in shown if words[0] != "sfumato-distill"] == [
        *(["sfumato", "model", "keygen"] for _ in range(4)),
        ["sfumato", "ctl", "repo"], ["python3", "-m", "http.server"],
        ["sfumato", "ctl", "repo"], *(["sfumato", "ctl", "--broker"] for _ in range(3)),
    ]  # fmt: skip
    steps = ["label", "labels", "finetune", "label", "labels", "distill", "pack"]
    assert [words[1] for words in shown if words[0] == "sfumato-distill"] == steps
    with ExitStack() as running:
        agent = broker = before = None
        for words in shown:
            if words[0] == "python3":
                running.enter_context(served([*words, "--bind", "127.0.0.1"], port))
            elif words[0] == "sfumato-distill":
                given = ["start.pt" if word == TEACHER else word for word in words[1:]]
                assert distill(given) == 0, (given, capsys.readouterr().err)
            else:
                if "add" in words:  # on a camera, all of this has long been there
                    broker = running.enter_context(Broker(folder))
                    agent = running.enter_context(device(folder, broker.port, port))
                    agent.until(lambda: len(segments(folder, "door")) >= 2)
                    before = len(segments(folder, "door"))
                told = said(words, broker, capsys)
                if "devices" in words:
                    assert told.splitlines()[1].split()[:5] == [
                        *("gate-7", "online", "0.1.0", "bottle", "v1")
                    ]
        agent.until(lambda: len(segments(folder, "door")) >= before + 3)
        assert agent.stop() == 0
    old, *_, new = (hidden(path) for path in segments(folder, "door"))
    assert max(old) < 0.6  # what the old one takes for a person lies across one of them
    assert min(new) > 0.8
    bundle = Bundle.open(folder / "bottle.sfm", [load_public(folder / "office.pub")])
    assert (folder / "agent.yaml.state/models/active").resolve().name == bundle.digest
    assert (folder / "now.jpg").read_bytes().startswith(b"\xff\xd8")


def said(words, broker, capsys):
    """What a command of `sfumato` says, to this test's broker."""
    here = [f"127.0.0.1:{broker.port}" if word == "127.0.0.1" else word for word in words[1:]]
    capsys.readouterr()
    assert sfumato(here) == 0, (here, capsys.readouterr().err)
    return capsys.readouterr().out


def render(folder):
    """A clip to learn from, and what is known of it: scenes/annotations.json."""
    assert distill(["synth", "--out", "scenes", *CLIP, "--video", "--workers", "1"]) == 0
    (folder / "scenes/videos").rename(folder / "clips")
    shutil.copy(folder / "clips" / f"{ONLY}.mp4", folder / "camera.mp4")


def write_student(path):
    """The demo's student, as Ultralytics would train it on: neither three clips nor seconds make one."""
    fused = path.with_name("fused.pt")
    _put_back(Bundle.reopen(DEMO / "bottles.sfm", [load_public(DEMO / "demo.pub")]), fused)
    weights = torch.load(fused, weights_only=False)["model"].state_dict()
    model = build("yolo11n-seg", ["bottle"])
    model.load_state_dict(
        {k: v for k, v in weights.items() if k in model.state_dict()}, strict=False
    )
    for name, module in model.named_modules():
        if isinstance(norm := getattr(module, "bn", None), nn.BatchNorm2d):
            norm.weight.data.fill_(1)
            norm.bias.data.copy_(weights[f"{name}.conv.bias"])
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
    torch.save({"model": model, "ema": None, "train_args": {"imgsz": 320}}, path)


def write_configs(folder):
    """Of the README's files, what makes a run that takes seconds."""
    folder.mkdir()
    data = {"val": "../datasets/bottles/val.json"}
    finetune = {
        "run": "../runs/bottle",
        "model": {"size": "tiny", "classes": ["bottle"], "image_size": 64},
        "data": {**data, "own": "../datasets/bottles/train.json"},
        "stages": [{"name": "all", "trains": "all", "steps": 2, "lr": 1e-3}],
        "batch_size": 2,
    }
    student = {
        "run": "../runs/bottle-student",
        "student": {
            "model": "yolo11n-seg",
            "weights": "../start.pt",
            "classes": ["bottle"],
            "image_size": 320,
        },
        "teacher": {"weights": "../start.pt"},  # two steps make none that sees anything
        "data": {
            **data,
            "labelled": "../datasets/bottles/train.json",
            "pseudo": "../datasets/pseudo/train.json",
        },
        "schedule": {
            "epochs": 1, "images_per_epoch": 4, "batch_size": 2, "close_mosaic": 0, "lr": 1e-6,
        },
    }  # fmt: skip
    (folder / "finetune-bottle.yaml").write_text(yaml.safe_dump(finetune))
    (folder / "distill-bottle.yaml").write_text(yaml.safe_dump(student))


@contextmanager
def served(words, port):
    """A web server as it is shown, on another port."""
    here = [sys.executable, *(str(port) if word == "8000" else word for word in words[1:])]
    with Popen(here, stderr=DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def device(folder, broker_port, port):
    """A camera that hides what a network of before sees, which knows of no bottles."""
    old = write_world_bundle(folder / "old.sfm", network(turns=OLD_TURNS))
    assert sfumato(["model", "sign", str(old), "--key", "office.key"]) == 0
    shutil.copy(folder / "offered/metadata/1.root.json", folder / "root.json")
    (settings,) = map(yaml.safe_load, loop_settings())
    settings["mqtt"]["port"] = broker_port
    settings["update"] |= {"repository": f"http://127.0.0.1:{port}/", "probation_s": 3}
    source = {"url": "camera.mp4", "realtime": True, "loop": True}
    config = {
        "model": {"bundle": "old.sfm", "trust": ["office.pub"], "workers": 1},
        "streams": {"door": {"source": source, "effect": "solid:ff00ff"}},
        "record": {"dir": "video", "segment_s": 2, "keep": {"free": None}},
        **settings,
    }
    return RunningAgent(folder, config)


def hidden(path):
    """Share of the bottles that is hidden, in each picture of a recording."""
    shown, truth = pictures(Path("camera.mp4")), bottles()
    return [
        float(is_magenta(picture)[truth[index_in(shown, picture)]].mean())
        for picture in pictures(path)
    ]


def pictures(path):
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in clip.decode(video=0)]


def is_magenta(picture):
    return np.abs(picture - MAGENTA).max(-1) < 60


def index_in(shown, picture):
    """Which of the clip's pictures it is, by what isn't hidden."""
    seen = ~is_magenta(picture)
    return int(np.argmin([np.abs(each - picture)[seen].mean() for each in shown]))


def bottles():
    """Where they are in each picture of the camera's clip."""
    known = json.loads(Path("scenes/annotations.json").read_bytes())
    frames = {each["id"]: each["frame"] for each in known["images"] if each["clip"] == ONLY}
    masks = dict.fromkeys(frames.values(), False)
    for each in known["annotations"]:
        if each["image_id"] in frames:
            masks[frames[each["image_id"]]] |= coco_mask.decode(each["segmentation"]).astype(bool)
    return masks
