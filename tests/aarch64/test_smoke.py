"""The smoke test of aarch64 doesn't rot: its script is sound, its steps are taken on this machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aarch64 import smoke

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("smoke.sh")

STEPS = [pytest.param(step, id=step.__name__) for step in smoke.STEPS]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return smoke.make(tmp_path_factory.mktemp("smoke") / "made")


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_taken(step, made):
    assert step(made)


@pytest.mark.slow
def test_what_the_script_takes_along_is_all_that_the_steps_need(tmp_path):
    (taken,) = re.findall(r'cp "\$repository"/tests/\{(.+)\}\.py', SCRIPT.read_text("utf-8"))
    for name in taken.split(","):
        shutil.copy(ROOT / "tests" / f"{name}.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "import smoke"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def run(*words):
    return subprocess.run(["bash", *words], capture_output=True, text=True, check=False)


def test_the_script_is_bash():
    done = run("-n", SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_says_what_it_does():
    done = run(SCRIPT, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "smoke.sh [FOLDER]" in done.stdout


@pytest.mark.parametrize("words", [["--fast"], ["a", "b"]])
def test_it_refuses_words_that_make_no_sense(words):
    done = run(SCRIPT, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("smoke.sh: ")
    assert done.stderr.count("\n") == 1
