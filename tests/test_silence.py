"""Nothing phones home, and nothing is left outside of the folders that a command was given.

But for one file of numbers in the cache folder of whoever runs it: which of a bundle's files suits
this machine. It holds nothing of what was redacted, and may be deleted at any time.

Where CI is set some libraries keep quiet by themselves, so here it never is.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from authority import Authority
from broker import Broker
from networks import network
from PIL import Image
from precisions import QUANTISED, SLOW, write_precisions
from worlds import Thing, World, linear, write_world_bundle

from models.nets.checkpoint import save_safetensors
from tests.distill.conftest import NAMES, seeing_network
from tests.distill.label.blobs import scene, write_clip
from tests.distill.labelled import data_set
from tests.distill.lively import lively
from tests.distill.toys import toy_dataset
from tests.models.conftest import onnx_file

ROOT = Path(__file__).resolve().parents[1]
ROOM = Path(__file__).with_name("silent_room.py")

LISTEN_S = 15.0
"""ONNX Runtime 1.32 looks its maker's address up ten seconds after it was imported."""
ATTENDED = [sys.executable, ROOT / "tests" / "world" / "attended.py", str(LISTEN_S)]

SFUMATO = [sys.executable, "-m", "agent"]
SFUMATO_DISTILL = [
    sys.executable,
    "-c",
    "import sys; from distill.cli import main; sys.exit(main())",
]
REMEMBERED = [
    "home/.cache",
    "home/.cache/sfumato",
    "home/.cache/sfumato/network-choices.json",
]
SILENT = {"code": 0, "names": [], "sent": {}, "files": []}


def new_namespaces():
    """The command that starts another without a network, as this machine permits it."""
    said = ""
    for rights in (["--map-root-user"], []):
        command = ["unshare", *rights, "--net", "--mount"]
        try:
            tried = subprocess.run(
                [*command, "mount", "--bind", "/etc/hosts", "/etc/hosts"],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            pytest.skip("needs unshare(1), to run commands without a network")
        if tried.returncode == 0:
            return command
        said = tried.stderr.strip()
    return pytest.skip(f"needs namespaces, which this machine does not permit ({said})")


@pytest.fixture(scope="module")
def observe():
    """Runs commands by name, and says of each what it did beside its work."""
    command = [*new_namespaces(), sys.executable, str(ROOM)]

    def run(**commands):
        words = {name: [*map(str, words)] for name, words in commands.items()}
        kept = {
            key: os.environ[key] for key in ("PATH", "LANG", "LD_LIBRARY_PATH") if key in os.environ
        }
        done = subprocess.run(
            command,
            input=json.dumps(words),
            env={**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def in_rooms(observe, *rooms):
    """Of commands in rooms of their own at the same time: some are listened to for long."""
    with ThreadPoolExecutor(len(rooms)) as threads:
        found = list(threads.map(lambda commands: observe(**commands), rooms))
    return {name: said for room in found for name, said in room.items()}


def disturbances(observations):
    """What of it is not silence, by the name of the command."""
    return {
        name: found
        for name, found in observations.items()
        if {key: found[key] for key in SILENT} != SILENT
    }


def assert_silent(observations):
    noise = disturbances(observations)
    assert not noise, json.dumps(noise, indent=1)


def test_the_room_hears_what_is_asked_and_sent_and_left(observe):
    """The tests below would else pass on anything."""
    head = "import os, pathlib, socket, tempfile\n"
    asks = "try: socket.create_connection(('example.com', 443), 5)\nexcept OSError: pass"
    sends = "try: socket.create_connection(('192.0.2.1', 80), 5)\nexcept OSError: pass"
    found = observe(
        nothing=[sys.executable, "-c", head],
        asks=[sys.executable, "-c", head + asks],
        sends=[sys.executable, "-c", head + sends],
        leaves=[sys.executable, "-c", head + "pathlib.Path('~/x').expanduser().mkdir()"],
        forgets=[sys.executable, "-c", head + "tempfile.mkstemp('.y')"],
        drops=[sys.executable, "-c", head + "pathlib.Path('z').touch()"],
        ci=[sys.executable, "-c", head + "raise SystemExit('CI' in os.environ)"],
    )
    assert disturbances(found).keys() == {"asks", "sends", "leaves", "forgets", "drops"}
    assert "example.com" in found["asks"]["names"]
    assert found["asks"]["sent"]["ActiveOpens"] == 1
    assert found["sends"]["sent"] == {"OutNoRoutes": 1}
    assert found["leaves"]["files"] == ["home/x"]


def play(camera, packets):
    """Play a clip into a pipe, then give nothing for as long as the room listens."""
    with contextlib.suppress(BrokenPipeError), camera.open("wb", buffering=0) as pipe:
        pipe.write(packets)
        time.sleep(LISTEN_S)


@pytest.mark.slow
def test_the_agent_is_silent(observe, tmp_path):
    network = onnx_file(
        {
            "output0": np.zeros((1, 38, 84), np.float32),
            "output1": np.zeros((1, 32, 16, 16), np.float32),
        },
        metadata={"task": "segment", "names": "['person', 'car']", "imgsz": "[64, 64]"},
    )
    (tmp_path / "x.onnx").write_bytes(network)
    world = World(Thing(linear(20, 20)), frames=12)
    clip = world.write(tmp_path / "in.mp4")
    packets = world.write(tmp_path / "in.ts").read_bytes()
    os.mkfifo(tmp_path / "camera.ts")
    Image.fromarray(world.luma(0)).save(tmp_path / "in.png")
    threading.Thread(target=play, args=(tmp_path / "camera.ts", packets), daemon=True).start()
    bundle, key, public = (tmp_path / name for name in ("x.sfm", "office.key", "office.pub"))
    trusted = ["--model", bundle, "--trust", public]
    pictures = ["--timeline", tmp_path / "t.png", "--contact-sheet", tmp_path / "s.png"]
    model = [*SFUMATO, "model"]
    several = write_precisions(tmp_path / "several.sfm", {"fp32": SLOW, "uint8": QUANTISED})
    chooses = ["--model", several, "--allow-unsigned"]
    found = observe(
        keygen=[*model, "keygen", tmp_path / "office"],
        imported=[*model, "import", tmp_path / "x.onnx", "--out", bundle],
        show=[*model, "show", bundle],
        sign=[*model, "sign", bundle, "--key", key],
        verify=[*model, "verify", bundle, "--trust", public],
        redact_image=[*SFUMATO, "redact-image", tmp_path / "in.png", tmp_path / "i.png", *trusted],
        blur=[*SFUMATO, "blur", clip, tmp_path / "a.mp4", *trusted, *pictures],
    )
    found |= in_rooms(
        observe,
        {"camera": [*SFUMATO, "blur", tmp_path / "camera.ts", tmp_path / "b.mp4", *trusted]},
        {
            "chooses": [*SFUMATO, "blur", clip, tmp_path / "c.mp4", *chooses],
            "still": [*SFUMATO, "redact-image", tmp_path / "in.png", tmp_path / "c.png", *chooses],
        },
    )
    for name in ("chooses", "still"):
        assert found[name] | {"files": REMEMBERED} == found[name]
        found[name]["files"] = []
    assert_silent(found)
    assert (tmp_path / "t.png").exists()
    assert (tmp_path / "b.mp4").exists()


@pytest.mark.slow
def test_the_service_asks_nobody_but_its_cameras(observe, tmp_path):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = World(Thing(linear(20, 20)), frames=12).write(tmp_path / "in.mp4")
    sources = {
        "files": {"url": str(clip), "loop": True, "realtime": True},
        "camera": {"url": "rtsp://127.0.0.1:9/absent"},
    }
    commands = {}
    for name, source in sources.items():
        config = {
            "model": {"bundle": str(bundle), "allow_unsigned": True},
            "streams": {"door": {"source": source}},
            "record": {"dir": str(tmp_path / name), "keep": {"free": None}},
            "telemetry": {"prometheus": "127.0.0.1:9464"},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
        run = [*SFUMATO, "run", "--config", tmp_path / f"{name}.yaml"]
        commands[name] = [*ATTENDED, *run]
    found = in_rooms(observe, *({name: words} for name, words in commands.items()))
    opened = found["camera"]["sent"].pop("ActiveOpens")
    assert opened >= 2  # a try, and looks whether it is there again
    assert_silent(found)
    assert list((tmp_path / "files" / "door").glob("*.mp4"))


@pytest.mark.slow
def test_the_service_asks_for_its_broker_and_connects_to_it_and_to_nobody_else(observe, tmp_path):
    """The room leads every name to itself; the broker in it counts who comes."""
    authority = Authority(tmp_path / "authority")
    broker = Broker(
        tmp_path / "broker",
        authority=authority,
        certificate=authority.issue("broker.example", host=True),
    )
    own = authority.issue("gate-7")
    config = {
        "device": "gate-7",
        "model": {
            "bundle": str(write_world_bundle(tmp_path / "world.sfm", network())),
            "allow_unsigned": True,
        },
        "streams": {"door": {"source": {"url": "in.mp4", "loop": True, "realtime": True}}},
        "record": {"dir": "video", "keep": {"free": None}},
        "mqtt": {
            "host": "broker.example",
            "port": broker.port,
            "jitter_s": 0,
            "ca": str(own.ca),
            "cert": str(own.cert),
            "key": str(own.key),
        },
        "telemetry": {"interval_s": 10, "home_assistant": True},
    }
    World(Thing(linear(20, 20)), frames=12).write(tmp_path / "in.mp4")
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump(config))
    run = [*SFUMATO, "run", "--config", tmp_path / "agent.yaml"]
    (tmp_path / "broker.sh").write_text(f"exec {shlex.join(broker.command())} 2> {broker.log}\n")
    # The kernel counts a connection that is refused, too, so the broker has to be there.
    listens = f"until grep -q ':{broker.port:04X} .* 0A ' /proc/net/tcp; do sleep 0.1; done"
    beside = f'sh "$0" & {listens}; "$@"; code=$?; kill $!; wait $!; exit $code'
    found = observe(agent=["sh", "-c", beside, tmp_path / "broker.sh", *ATTENDED, *run])["agent"]
    came = broker.log.read_text()
    assert found["sent"].pop("ActiveOpens") == came.count("New connection from")
    assert "u'gate-7'" in came
    assert set(found["names"]) == {"broker.example"}
    assert found["sent"].pop("OutDatagrams") == 2 * len(found["names"])  # and the answers
    assert found | SILENT | {"names": found["names"]} == found, found


@pytest.mark.slow
def test_the_workstation_is_silent(observe, tmp_path):
    save_safetensors(seeing_network(), tmp_path / "t.safetensors", NAMES, image_size=64)
    torch.save(
        {"model": lively("yolo11n-seg"), "ema": None, "train_args": {"imgsz": 96}},
        tmp_path / "lively.pt",
    )
    (tmp_path / "sweep.json").write_text('{"thresholds": {"bottle": 0.05, "cup": 0.04}}')
    (tmp_path / "distill.yaml").write_text(
        yaml.safe_dump(
            {
                "run": "run",
                "student": {"model": "yolo11n-seg", "classes": ["bottle"], "image_size": 64},
                "teacher": {"weights": "t.safetensors"},
                "data": {
                    "labelled": str(toy_dataset(tmp_path / "own", 2, seed=0)),
                    "val": str(toy_dataset(tmp_path / "val", 1, seed=1)),
                },
                "schedule": {
                    "epochs": 1,
                    "images_per_epoch": 2,
                    "batch_size": 2,
                    "close_mosaic": 0,
                },
            }
        )
    )
    clip = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(8)])
    bundle, on_cpu = tmp_path / "x.sfm", ["--device", "cpu"]
    teacher = ["--teacher", tmp_path / "t.safetensors", "--classes", "bottle", "--size", "64"]
    golden = ["--golden", data_set(tmp_path / "golden"), "--golden-shows-nobody"]
    figures = ["--out", tmp_path / "report", "--classes", "bottle"]
    found = observe(
        label=[*SFUMATO_DISTILL, "label", clip, *teacher, "--out", tmp_path / "set", *on_cpu],
        distill=[*SFUMATO_DISTILL, "distill", tmp_path / "distill.yaml", *on_cpu],
        pack=[*SFUMATO_DISTILL, "pack", tmp_path / "lively.pt", "--out", bundle, "--unsigned",
              *golden, "--thresholds", tmp_path / "sweep.json"],
        evaluate=[*SFUMATO_DISTILL, "evaluate", "--model", bundle, "--allow-unsigned",
                  "--data", tmp_path / "val/toy.json", *figures, *on_cpu],
    )  # fmt: skip
    assert_silent(found)
    assert (tmp_path / "run" / "student.pt").exists()
    assert (tmp_path / "report" / "pr.png").exists()


def imports_of(path):
    """The modules that a file imports, from its first line to its last."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, node.module))
    return [name for _, name in sorted(found)]


@pytest.mark.parametrize("package", ["agent", "distill", "models"])
def test_whatever_is_imported_first_is_silence(package):
    """Nothing else has run when the variables are set."""
    first = imports_of(ROOT / package / "__init__.py")[0]
    assert first == "models.silence"
    for name in imports_of(ROOT / "models" / "silence.py"):
        assert name.split(".")[0] in sys.stdlib_module_names, name


def test_who_imports_ultralytics_has_it_quietened_first():
    for path in (ROOT / "distill").rglob("*.py"):
        names = list(imports_of(path))
        theirs = [name for name in names if name.split(".")[0] == "ultralytics"]
        if theirs and path.name != "quiet.py":
            before = [*imports_of(path.with_name("__init__.py")), *names[: names.index(theirs[0])]]
            assert "distill.quiet" in before, path
