"""TensorRT in the choice, on a simulated machine: processes that build, keep, find and refuse."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from gpu_process import environment, run
from precisions import BLIND, QUANTISED, SLOW, SLOWER, write_precisions

from models.bundle import Bundle, write_bundle
from models.manifest import FileSpec
from models.runtime.engine_file import EngineFile
from models.runtime.engine_key import EngineKey
from models.signing import PrivateKey

pytestmark = pytest.mark.slow  # each begins processes
KEY = PrivateKey.generate()

CHOOSE = textwrap.dedent(
    """
    import json, pathlib, sys
    import numpy as np
    from models.bundle import Bundle
    from models.runtime.backends import device_backends
    from models.runtime.choose import choose_network
    from models.signing import load_public

    class Watch:
        lines, steps = [], 0
        def said(self, line): self.lines.append(line)
        def progress(self, step, share): self.steps += 1
        def cancelled(self): return False

    trusted = [load_public(pathlib.Path(path)) for path in sys.argv[3:]]
    bundle = Bundle.open(pathlib.Path(sys.argv[1]), trusted, allow_unsigned=True)
    watch = Watch()
    chosen = choose_network(bundle, backends=device_backends(pathlib.Path(sys.argv[2]), watch))
    outputs = chosen.network.run(np.zeros((1, 3, 64, 64), np.float32))
    print(json.dumps({
        "runtime": chosen.runtime, "precision": chosen.precision, "reason": chosen.reason,
        "lines": [each.line for each in chosen.candidates], "said": watch.lines,
        "steps": watch.steps, "shapes": [list(each.shape) for each in outputs],
    }))
    """
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "engines"


@pytest.fixture
def choose(tmp_path, folder):
    """What a process chose, of a bundle of these networks."""

    def chosen(models=None, specs=None, before=(), *, golden=True):
        bundle = tmp_path / "x.sfm"
        if models:
            write_precisions(bundle, models, specs, golden=golden)
        (tmp_path / "x.pub").write_text(KEY.public.to_line())
        ran = run(["-c", CHOOSE], bundle, folder, tmp_path / "x.pub", before=before)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return chosen


def kept(folder):
    return sorted(folder.glob("*.engine"))


def test_an_engine_is_built_once_and_runs(choose, folder):
    first, second = choose({"fp32": SLOW}), choose()
    assert first["runtime"] == second["runtime"] == "tensorrt"
    assert first["lines"] == second["lines"] == ["fp32 on tensorrt: passes"]
    (said,) = first["said"]
    assert said.startswith("building the engine of world in fp32 for ")
    assert first["steps"] > 5
    assert (second["said"], second["steps"]) == ([], 0)
    assert first["shapes"] == second["shapes"]
    assert len(kept(folder)) == 1
    assert json.loads((folder / "kernels.timing").read_text())


def test_of_a_bundle_for_jetsons_the_faster_engine_runs(choose, folder):
    theirs = {"int8": {"runtimes": ("tensorrt",)}, "uint8": {"runtimes": ("onnxruntime-cpu",)}}
    models = {"fp32": SLOW, "fp16": SLOWER, "int8": QUANTISED, "uint8": QUANTISED}
    found = choose(models, theirs)
    assert (found["runtime"], found["precision"]) == ("tensorrt", "int8")
    assert found["reason"] == "of int8, fp16 this machine runs int8 best on tensorrt"
    assert [line.partition(":")[0] for line in found["lines"]] == [
        "uint8",
        "int8 on tensorrt",
        "fp16 on tensorrt",
    ]
    assert len(kept(folder)) == 2  # FP32 would be in nobody's way, and takes minutes


def test_an_engine_that_sees_otherwise_leaves_the_bundle_to_the_cpu(choose):
    """As TensorRT may compute something else than ONNX Runtime does, with the file's own bytes."""
    theirs = {"int8": {"runtimes": ("tensorrt",)}}
    found = choose({"fp32": SLOW, "int8": BLIND}, theirs)
    assert (found["runtime"], found["precision"]) == ("tensorrt", "fp32")
    assert found["lines"][0].startswith("int8 on tensorrt: refused: golden frame 1: 'person'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import libnvdla_compiler", "tensorrt can't be imported: No module named 'libnvdla"),
        ("raise OSError('libnvinfer.so.10: cannot open')", "libnvinfer.so.10: cannot open"),
        ("raise RuntimeError", "tensorrt can't be imported: RuntimeError"),
        ("__version__ = '8.6.1'", "TensorRT 8.6.1 is older than 10.3"),
        ("pass", "tensorrt can't be imported: "),
    ],
    ids=["module", "library", "anything", "old", "empty"],
)
def test_a_tensorrt_that_can_not_be_imported_is_a_reason_in_a_line(choose, tmp_path, text, said):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tensorrt.py").write_text(text)
    found = choose({"fp32": SLOW}, before=[tmp_path / "broken"])
    assert found["runtime"] == "onnxruntime-cpu"
    first, second, third = found["lines"]
    assert first.startswith("tensorrt: ")
    assert said in first
    assert second.startswith("onnxruntime-cuda: ")
    assert third == "fp32 on onnxruntime-cpu: passes"


def test_without_a_gpu_the_cpu_runs(choose, tmp_path):
    (tmp_path / "broken" / "pycuda").mkdir(parents=True)
    (tmp_path / "broken" / "pycuda" / "__init__.py").write_text("raise ImportError('libcuda.so.1')")
    (tmp_path / "broken" / "tensorrt.py").write_text("__version__ = '10.3.0'")
    found = choose({"fp32": SLOW}, before=[tmp_path / "broken"])
    assert found["runtime"] == "onnxruntime-cpu"
    assert found["lines"][0] == "tensorrt: pycuda can't be imported: libcuda.so.1"


def test_what_can_not_be_built_is_not_tried_at_every_start(choose, folder):
    theirs = {"int8": {"runtimes": ("tensorrt",)}}
    models = {"fp32": SLOW, "int8": b"\x08\x08no network"}
    for _ in range(2):
        found = choose(models, theirs)
        assert (found["runtime"], found["precision"]) == ("tensorrt", "fp32")
        assert found["lines"][0].startswith("int8 on tensorrt: TensorRT can't build the engine: ")
    assert "`sfumato engine build` tries again" in found["lines"][0]
    assert found["said"] == []
    assert len(kept(folder)) == 1


def test_an_engine_that_was_kept_and_can_not_be_read_is_built_anew(choose, folder):
    choose({"fp32": SLOW})
    (path,) = kept(folder)
    key = EngineFile.from_bytes(path.read_bytes()).key
    path.write_bytes(EngineFile(key, b"no plan").to_bytes())
    found = choose()
    assert found["runtime"] == "tensorrt"
    assert len(found["said"]) == 1
    assert EngineFile.from_bytes(path.read_bytes()).plan != b"no plan"


# Engines in bundles.


@pytest.fixture
def with_engines(tmp_path):
    """Put engines into the bundle, and sign it."""

    def put(*engines, key=KEY):
        path = tmp_path / "x.sfm"
        bundle = Bundle.open(path, allow_unsigned=True)
        files = {f"engines/{i}.engine": each.to_bytes() for i, each in enumerate(engines)}
        specs = tuple(FileSpec.of(*each) for each in files.items())
        golden = {}
        for frame, data in zip(bundle.manifest.golden_files, bundle.golden_bytes(), strict=True):
            golden |= {frame.image.path: data[0], frame.expected.path: data[1]}
        models = {role: bundle.model_bytes(role) for role in bundle.manifest.files}
        manifest = bundle.manifest.model_copy(update={"engines": specs})
        write_bundle(path, manifest, models, key, golden=golden, engines=files)

    return put


def own_engine(folder):
    """The one that was built; it is forgotten."""
    (path,) = kept(folder)
    engine = EngineFile.from_bytes(path.read_bytes())
    path.unlink()
    return engine


def test_an_engine_of_an_equal_device_spares_the_build(choose, folder, with_engines):
    choose({"fp32": SLOW})
    with_engines(own_engine(folder))
    found = choose()
    assert (found["runtime"], found["said"], found["steps"]) == ("tensorrt", [], 0)
    assert kept(folder) == []


def test_an_engine_that_nobody_signed_is_never_loaded(choose, folder, with_engines):
    """It is code, and a person who takes an unsigned network takes data."""
    choose({"fp32": SLOW})
    with_engines(replace(own_engine(folder), plan=b"somebody's code"), key=None)
    (said,) = choose()["said"]
    assert said.startswith("building the engine")


def test_without_golden_frames_nobody_elses_engine_runs(choose, folder, with_engines):
    choose({"fp32": SLOW}, golden=False)
    with_engines(own_engine(folder))
    assert choose()["steps"] > 0


OTHERS = {
    "onnx_sha256": "cd" * 32,
    "tensorrt": "10.3.1",
    "compute_capability": "8.6",
    "device": "Thor",
    "driver_or_l4t": "L4T 36.4.4",
    "precision": "int8",
    "sizes": ((96, 64),),
    "batch": 1,
    "options": 99,
}


def test_a_foreign_engine_is_never_loaded(choose, folder, with_engines):
    """Each differs in one part of its key, and what reads its plan would say that it can't."""
    choose({"fp32": SLOW})
    engine = own_engine(folder)
    assert OTHERS.keys() == EngineKey.model_fields.keys()
    keys = [engine.key.model_copy(update={part: value}) for part, value in OTHERS.items()]
    with_engines(*(EngineFile(key, b"foreign code") for key in keys))
    found = choose()
    assert found["runtime"] == "tensorrt"
    (said,) = found["said"]
    assert said.startswith("building the engine")


def test_an_engine_that_is_not_what_its_key_says_is_refused_by_golden_frames(
    choose, folder, with_engines
):
    choose({"fp32": BLIND}, golden=False)
    blind = own_engine(folder).plan
    choose({"fp32": SLOW})
    engine = own_engine(folder)
    with_engines(replace(engine, plan=blind))
    found = choose()
    assert found["runtime"] == "tensorrt"
    refused, built = found["said"]
    assert refused.startswith("the bundle's engine in fp32 is not used: golden frame 1: 'person'")
    assert built.startswith("building the engine")


# The process that builds.

_BUILD = textwrap.dedent(
    """
    import pathlib, sys
    from models.runtime.engine_build import build_in_child

    class Watch:
        def said(self, line): pass
        def progress(self, step, share): pass
        def cancelled(self): return False

    order = {"sizes": [(64, 64)], "batch": 1, "timing_cache": pathlib.Path(sys.argv[1])}
    build_in_child(b"network", watch=Watch(), **order)
    """
)


@pytest.fixture
def slow_tensorrt(tmp_path):
    """Whoever imports it says who it is, and waits."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "tensorrt.py").write_text(
        "import os, pathlib, time\n"
        f"place = pathlib.Path({str(tmp_path / 'pid')!r})\n"
        "place.with_suffix('.new').write_text(str(os.getpid()))\n"
        "place.with_suffix('.new').rename(place)\n"
        "time.sleep(3600)\n"
    )
    return folder


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


def test_it_gives_way_and_ends_with_who_started_it(tmp_path, slow_tensorrt):
    pid = tmp_path / "pid"
    with subprocess.Popen(
        [sys.executable, "-c", _BUILD, tmp_path / "timing"],
        env=environment(slow_tensorrt),
        stderr=subprocess.DEVNULL,
    ) as parent:
        try:
            child = int(wait_for(lambda: pid.exists() and pid.read_text()))
            assert os.getpriority(os.PRIO_PROCESS, child) == min(
                19, os.getpriority(os.PRIO_PROCESS, 0) + 10
            )
            assert Path(f"/proc/{child}/oom_score_adj").read_text() == "800\n"
            assert os.getsid(child) == child  # Ctrl-C in a terminal is for who waits
        finally:
            parent.send_signal(signal.SIGKILL)
    assert wait_for(lambda: is_gone(child))


@pytest.mark.parametrize(
    "order",
    [
        {"parent": os.getpid(), "onnx_bytes": 100},  # before the order was whole
        {"parent": 1, "onnx_bytes": 14},  # before the child asked to end with it
    ],
)
def test_who_has_ended_gets_nothing_built(order):
    ran = subprocess.run(
        [sys.executable, "-m", "models.runtime.engine_child"],
        input=json.dumps(order).encode() + b"\nhalf a network",
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, b"")
