"""`sfumato engine build`, as typed on a simulated machine with a GPU, and what blur makes of it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpu_process import GPU, environment, run
from networks import PLACE
from precisions import BLIND, QUANTISED, SLOW, write_precisions
from worlds import Thing, World, leaks, linear, lumas

from agent.cli import main
from models.runtime.engine_file import EngineFile

pytestmark = pytest.mark.slow  # each begins processes


@pytest.fixture
def sfumato(tmp_path):
    """Run a command there: exit code, what it said, what it complained about."""

    def typed(*words):
        ran = run(["-m", "agent"], *words, XDG_CACHE_HOME=str(tmp_path / "cache"))
        return ran.returncode, ran.stdout, ran.stderr

    return typed


@pytest.fixture
def bundle(tmp_path):
    def written(golden=True, specs=None, **models):
        return write_precisions(tmp_path / "x.sfm", models, specs, golden=golden)

    return written


JETSON = {"int8": {"runtimes": ("tensorrt",)}}


def test_engines_are_built_proven_and_written(sfumato, bundle, tmp_path):
    (tmp_path / "out").mkdir()
    x = bundle(specs=JETSON, fp16=SLOW, int8=QUANTISED)
    words = ("engine", "build", x, "--allow-unsigned", "--out", tmp_path / "out")
    code, said, complaint = sfumato(*words)
    assert code == 0, complaint
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.split("-")[:3] for name in names] == [
        ["world", "1", "fp16"],
        ["world", "1", "int8"],
    ]
    assert all(name.endswith("-10.3.0.engine") for name in names)
    engines = [EngineFile.from_bytes((tmp_path / "out" / name).read_bytes()) for name in names]
    assert [each.key.precision for each in engines] == ["fp16", "int8"]
    assert said.count(", passes\n") == 2
    assert complaint.count("building the engine of world in ") == 2
    assert "sfumato: 50 % (" in complaint
    code, _, complaint = sfumato(*words)
    assert code == 4
    assert "--overwrite" in complaint
    code, _, complaint = sfumato(*words, "--overwrite")
    assert (code, complaint) == (0, "")  # they were kept


def test_one_that_sees_otherwise_is_not_written(sfumato, bundle, tmp_path):
    (tmp_path / "out").mkdir()
    x = bundle(specs=JETSON, fp16=SLOW, int8=BLIND)
    code, said, complaint = sfumato(
        "engine", "build", x, "--allow-unsigned", "--out", tmp_path / "out"
    )
    assert code == 5
    assert "sfumato: int8: refused: golden frame 1: 'person'" in complaint
    assert "not all engines of " in complaint.splitlines()[-1]
    (path,) = (tmp_path / "out").iterdir()
    assert "fp16" in path.name
    assert said.startswith("fp16: ")


def test_a_bundle_without_anything_for_tensorrt_is_said(sfumato, bundle):
    x = bundle(specs={"fp32": {"runtimes": ("onnxruntime-cpu",)}}, fp32=SLOW)
    code, _, complaint = sfumato("engine", "build", x, "--allow-unsigned")
    assert code == 5
    assert "holds nothing for TensorRT" in complaint


def test_where_no_engine_can_be_built_it_says_why(bundle, capsys):
    """On this machine."""
    assert main(["engine", "build", str(bundle(fp32=SLOW)), "--allow-unsigned"]) == 5
    said = capsys.readouterr().err
    assert said.startswith("sfumato: no engine can be built here: tensorrt can't be imported: ")
    assert said.endswith("; see `sfumato doctor`\n")


def test_a_video_is_hidden_by_an_engine_and_the_report_says_so(sfumato, bundle, tmp_path):
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=12)
    clip, target, report = world.write(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "r.json"
    words = ["blur", clip, target, "--model", bundle(fp32=SLOW), "--allow-unsigned"]
    words += ["--report", report, "--classes", "person", "--effect", "solid", "--margin", "0.06"]
    code, _, complaint = sfumato(*words)
    assert code == 0, complaint
    assert "building the engine of world in fp32" in complaint
    model = json.loads(report.read_text())["model"]
    assert (model["runtime"], model["precision"]) == ("tensorrt", "fp32")
    assert model["candidates"] == ["fp32 on tensorrt: passes"]
    assert not leaks(lumas(target))
    code, _, complaint = sfumato(*words, "--overwrite")
    assert code == 0, complaint
    assert "building" not in complaint


def test_an_image_is_hidden_by_the_same_engine(sfumato, bundle, tmp_path):
    from PIL import Image
    from precisions import scene

    Image.fromarray(scene()).save(tmp_path / "in.png")
    words = ["redact-image", tmp_path / "in.png", tmp_path / "out.png"]
    code, _, complaint = sfumato(*words, "--model", bundle(fp32=SLOW), "--allow-unsigned")
    assert code == 0, complaint
    assert ": 1 object hidden" in complaint


def test_ctrl_c_ends_a_build_and_what_waits_for_it(bundle, tmp_path):
    slow = tmp_path / "slow"
    slow.mkdir()
    library = (GPU / "tensorrt" / "__init__.py").read_text()
    wait = (
        "import os, pathlib, sys, time\n"
        "if 'models.runtime.engine_child' in sys.orig_argv:\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(f'{{os.getpid()}}.')\n"
        "    time.sleep(3600)\n"
    )
    (slow / "tensorrt.py").write_text(wait + library)
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=12)
    words = [world.write(tmp_path / "a.mp4"), tmp_path / "b.mp4", "--model", bundle(fp32=SLOW)]
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "blur", *map(str, words), "--allow-unsigned"],
        env=environment(slow) | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        pid = tmp_path / "pid"
        wait_for(lambda: pid.exists() and pid.read_text().endswith("."))
        process.send_signal(signal.SIGINT)
        try:
            _, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert complaint.endswith("sfumato: stopped\n")
    assert not (tmp_path / "b.mp4").exists()
    assert wait_for(lambda: is_gone(pid.read_text().rstrip(".")))
    kept = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept == ["building.lock"]


def wait_for(condition):
    for _ in range(3000):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
