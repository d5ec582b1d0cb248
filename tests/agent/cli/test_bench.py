"""`sfumato bench`, as typed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpu_process import run
from networks import PLACE, computing_network
from precisions import CUT, SLOW, write_precisions
from worlds import Thing, World, linear

from agent.bench.bench_report import BenchReport
from agent.cli import main

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "models" / "demo"
OURS = ("--model", DEMO / "bottles.sfm", "--trust", DEMO / "demo.pub")


@pytest.fixture
def clip(tmp_path):
    x0, y0, x1, y1 = PLACE
    thing = Thing(linear(x0, y0), (x1 - x0, y1 - y0))
    return World(thing, frames=12).write(tmp_path / "annas-street.mp4")


@pytest.fixture
def world_model(tmp_path):
    return write_precisions(tmp_path / "x.sfm", {"fp32": SLOW}, golden=False)


@pytest.fixture
def broken_tensorrt(tmp_path):
    """A folder of modules in which that is one that can't be imported."""
    folder = tmp_path / "annas-modules"
    folder.mkdir()
    library = folder / "libnvinfer.so"
    (folder / "tensorrt.py").write_text(f"raise ImportError('{library}: too old')\n")
    return folder


def typed(*words, cache, modules=ROOT):
    """In a process of its own: exit code, standard output, standard error."""
    ran = subprocess.run(
        [sys.executable, "-m", "agent", "bench", *map(str, words)],
        env=os.environ | {"PYTHONPATH": f"{modules}:{ROOT}", "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.slow
def test_the_demo_bundle_is_measured_drawn_and_can_be_sent(clip, broken_tensorrt, tmp_path):
    plot, given = tmp_path / "p.png", tmp_path / "s.json"
    words = *OURS, "--seconds", 0.01, "--clip", clip, "--json", "--plot", plot, "--submit", given
    code, out, complaint = typed(*words, cache=tmp_path / "cache", modules=broken_tensorrt)
    assert (code, complaint) == (0, "")
    report = BenchReport.model_validate_json(out)
    assert {(row.runtime, row.precision) for row in report.networks} >= {
        ("onnxruntime-cpu", "uint8"),
        ("onnxruntime-cpu", "fp16"),
    }
    assert {row.size for row in report.networks} == {(320, 320), (320, 192)}
    assert {row.batch for row in report.networks} == {1}
    assert all(row.wall.p50_ms <= row.wall.p90_ms <= row.wall.p99_ms for row in report.networks)
    measured = report.clip
    assert (measured.frames, measured.codec, measured.decoder) == (12, "h264", "pyav")
    assert (measured.width, measured.height, measured.steady_fps) == (160, 96, None)
    assert measured.fps > 0
    assert measured.stages[0].name == "decode"
    assert report.machine.versions.keys() >= {"sfumato", "python", "av", "onnxruntime-cpu"}
    assert plot.read_bytes().startswith(b"\x89PNG")
    sent = given.read_text()
    assert json.loads(sent).keys() == json.loads(out).keys()
    assert f"{broken_tensorrt}/libnvinfer.so: too old" in out
    assert "tensorrt can't be imported: ... too old" in sent
    for private in ("annas", str(tmp_path), str(ROOT), "bottles", '"bottle"'):
        assert private not in sent
    names = {path.name for path in tmp_path.iterdir()}
    names -= {clip.name, broken_tensorrt.name, "cache"}
    assert names == {"p.png", "s.json"}  # nothing redacted is left


@pytest.mark.slow
def test_the_table_is_for_people(world_model, tmp_path):
    words = "--model", world_model, "--allow-unsigned", "--seconds", 0.01
    code, out, complaint = typed(*words, cache=tmp_path / "cache")
    assert (code, complaint) == (0, "")
    lines = out.splitlines()
    assert lines[2].split()[:4] == ["runtime", "file", "input", "batch"]
    assert lines[3].split()[:4] == ["onnxruntime-cpu", "fp32", "64x64", "1"]
    assert lines[-1] == "not measured: a whole run: name a video with --clip"
    assert out.count("batch 2, 4: it takes 1 at a time") == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_on_a_gpu_it_says_what_the_gpu_says(world_model, clip, tmp_path):
    """A simulated one, on which each run takes a millisecond by its events."""
    words = "--model", world_model, "--allow-unsigned", "--seconds", 0.01, "--json", "--clip", clip
    ran = run(["-m", "agent", "bench"], *words, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("building the engine of world in fp32") == 1  # for networks and clip
    assert "simulated GPU" not in ran.stderr
    report = BenchReport.model_validate_json(ran.stdout)
    gpu, cpu = report.networks
    assert (gpu.runtime, gpu.precision, gpu.batch) == ("tensorrt", "fp32", 1)
    assert (gpu.device.runs, gpu.device.p50_ms) == (gpu.wall.runs, 1)
    assert (cpu.runtime, cpu.device) == ("onnxruntime-cpu", None)
    assert report.machine.gpu == "Simulated GPU"
    assert report.machine.versions["tensorrt"].startswith("10.3.0 on Simulated GPU")
    assert report.clip.runtime == "tensorrt"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch", "1,x"], "--batch 1,x: choose whole numbers from 1 to 64, as in 1,2,4"),
        (["--batch", "0"], "--batch 0: choose"),
        (["--batch", ""], "--batch : choose"),
        (["--seconds", "0"], "--seconds 0: choose more than 0, and at most 600"),
        (["--seconds", "nan"], "--seconds nan: choose"),
        (["--threads", "0"], "--threads 0: choose 1 to 64"),
        (["--plot", "x.jpg"], "x.jpg: the picture is a PNG; let its name end in .png"),
        (["--submit", "x.png"], "--submit x.png: let its name end in .json"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(words, said, capsys):
    assert main(["bench", *map(str, OURS), *words]) == 2
    assert capsys.readouterr().err.startswith(f"sfumato: {said}")


@pytest.mark.parametrize("option", [("--plot", "x.png"), ("--submit", "x.json")])
def test_what_exists_is_not_replaced(option, tmp_path, capsys):
    path = tmp_path / option[1]
    path.write_text("mine")
    assert main(["bench", *map(str, OURS), option[0], str(path)]) == 4
    assert "--overwrite" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_a_clip_that_is_none_is_refused_before_anything_is_measured(tmp_path, capsys):
    """Which here could be nothing."""
    model = write_precisions(tmp_path / "x.sfm", {"fp32": CUT}, golden=False)
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    words = ["--model", str(model), "--allow-unsigned", "--clip", str(path)]
    assert main(["bench", *words]) == 3
    assert str(path) in capsys.readouterr().err


def test_where_nothing_can_be_run_it_says_why(tmp_path, capsys):
    path = write_precisions(tmp_path / "x.sfm", {"fp32": CUT}, golden=False)
    assert main(["bench", "--model", str(path), "--allow-unsigned"]) == 5
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"sfumato: nothing of {path} can be run here"
    assert any(line.startswith("sfumato: fp32 on onnxruntime-cpu: ") for line in said)


def test_without_the_extra_a_plot_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["bench", *map(str, OURS), "--plot", str(tmp_path / "x.png")]) == 2
    assert "--plot needs the extra `plots`" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("while_redacting", [False, True])
def test_ctrl_c_leaves_nothing(while_redacting, tmp_path):
    """While a network is run again and again, and while a clip is redacted."""
    slow = computing_network(turns=100_000)  # a thirtieth of a second
    bundle = write_precisions(tmp_path / "x.sfm", {"fp32": slow}, golden=False)
    clip = World(Thing(linear(9, 9)), frames=2000).write(tmp_path / "a.mp4")
    temporary, cache = tmp_path / "tmp", tmp_path / "cache"
    temporary.mkdir()
    words = "--model", bundle, "--allow-unsigned", "--clip", clip, "--submit", tmp_path / "s.json"
    words += "--seconds", 0.01 if while_redacting else 600
    told = {"PYTHONPATH": ROOT, "TMPDIR": temporary, "XDG_CACHE_HOME": cache}
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "bench", *map(str, words)],
        env=os.environ | {name: str(path) for name, path in told.items()},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not (any(temporary.iterdir()) if while_redacting else has_run_for_s(process, 3)):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (130, "sfumato: stopped\n")
    assert {path.name for path in tmp_path.iterdir()} <= {"x.sfm", "a.mp4", "tmp", "cache"}
    assert list(temporary.iterdir()) == []


def has_run_for_s(process, seconds):
    """Of computing: it begins in less than one."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") > seconds
