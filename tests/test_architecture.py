"""What may import what, tried in processes of their own."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agent
import models

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "models")
TRAINING = ("torch", "torchvision", "ultralytics", "onnx")

_IMPORT_ALL = """
import importlib, sys

forbidden = frozenset(sys.argv[1].split(","))

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ImportError(f"{name} is not on the device")

sys.meta_path.insert(0, Blocker())
for name in sys.argv[2].split(","):
    importlib.import_module(name)
print(*sorted(forbidden & {name.partition(".")[0] for name in sys.modules}))
"""


def modules():
    """Names of all modules on the device; `models.nets` is distill's."""
    found = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not name.startswith("models.nets") and parts[-1] != "__main__":
                found.append(name)
    return sorted(found)


def imported_without(forbidden, names):
    """Import modules where others can't be; what went wrong."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, ",".join(forbidden), ",".join(names)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stderr


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path):
    """Dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.slow
def test_every_module_imports_without_the_training_stack():
    names = modules()
    assert {"agent.blur", "agent.cli.blur", "models.bundle"} <= set(names)
    code, said = imported_without(TRAINING, names)
    assert code == 0, said


@pytest.mark.slow
def test_only_plots_need_the_extra_plots():
    names = modules()
    drawing = {"agent.pictures.timeline", "agent.pictures.load_panel", "agent.bench.chart"}
    names = [name for name in names if name not in drawing]
    code, said = imported_without(["matplotlib"], names)
    assert code == 0, said
    for name in ("agent.pictures.timeline", "agent.bench.chart"):
        code, said = imported_without(["matplotlib"], [name])
        assert code != 0
        assert "matplotlib" in said


@pytest.mark.slow
def test_the_demo_needs_nothing_of_the_workstation():
    extras = ("accelerate", "faster_coco_eval", "onnxscript", "safetensors", "tensorboard", "yaml")
    code, said = imported_without((*TRAINING, *extras, "matplotlib"), ["tests.demo.__main__"])
    assert code == 0, said


def test_the_blocker_blocks():
    """The test above would else pass on anything."""
    code, said = imported_without(["json"], ["agent.cli.blur"])
    assert code != 0
    assert "json is not on the device" in said


@pytest.mark.parametrize("package", [agent, models])
def test_our_packages_are_ours(package):
    """A stray `models` among the installed packages would win over an editable install."""
    assert Path(package.__file__).is_relative_to(ROOT)


@pytest.mark.slow
def test_agent_and_models_never_import_distill_and_models_never_agent():
    for path in sources("agent"):
        assert not any(name.split(".")[0] == "distill" for name in imports_of(path)), path
    for path in sources("models"):
        roots = {name.split(".")[0] for name in imports_of(path)}
        assert not roots & {"agent", "distill"}, path


def test_only_video_talks_to_libav():
    users = {
        path.relative_to(ROOT).parts[:2]
        for package in PACKAGES
        for path in sources(package)
        if any(name.split(".")[0] == "av" for name in imports_of(path))
    }
    assert users == {("agent", "video"), ("models", "deinterlacer.py")}  # which distill shares


@pytest.mark.slow
@pytest.mark.parametrize("library", ["onnxruntime", "pycuda", "tensorrt"])
def test_only_the_runtime_talks_to_what_computes(library):
    users = {
        path.relative_to(ROOT).parts[:2]
        for package in PACKAGES
        for path in sources(package)
        if any(name.split(".")[0] == library for name in imports_of(path))
    }
    assert users == {("models", "runtime")}


def test_no_context_is_made_but_the_owner_threads():
    """`pycuda.autoinit` and `make_context` bind one to whichever thread comes along."""
    for package in PACKAGES:
        for path in sources(package):
            assert not re.search("autoinit|make_context", path.read_text("utf-8")), path


def test_relative_imports_are_not_used():
    for package in PACKAGES:
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                assert not (isinstance(node, ast.ImportFrom) and node.level), path
