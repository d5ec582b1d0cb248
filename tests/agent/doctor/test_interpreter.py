"""Children that try things: they may throw, crash, hang or chatter."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor.interpreter import Interpreter

HERE = Interpreter.of_process()


def test_what_a_child_says_comes_back():
    answer = HERE.ask("print('noise')\nsaid = [1, 'two', None]")
    assert (answer.value, answer.fault) == ([1, "two", None], "")


def test_what_a_child_throws_is_its_fault_in_a_line():
    answer = HERE.ask("raise ImportError('libnothing.so: cannot open\\nfor a reason')")
    assert answer.value is None
    assert answer.fault == "for a reason"
    assert HERE.ask("import nothing_at_all").fault == (
        "ModuleNotFoundError: No module named 'nothing_at_all'"
    )
    assert len(HERE.ask("raise ValueError('x' * 5000)").fault) == 200


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "it crashes: SIGSEGV"),
        ("import os\nos._exit(3)", "it ends with 3"),
        ("import os\nos._exit(0)", "it ends without an answer"),
    ],
)
def test_a_child_that_ends_otherwise(code, fault):
    assert HERE.ask(code).fault == fault


def test_a_child_that_hangs_is_ended():
    assert HERE.ask("import time\ntime.sleep(60)", timeout_s=0.2).fault == (
        "it does not end within 0.2 s"
    )


def test_an_interpreter_that_is_not_there():
    gone = replace(HERE, executable=Path("/nowhere/python"))
    assert gone.ask("said = 1").fault == "/nowhere/python: No such file or directory"


def test_a_child_is_silent_about_networks_and_reads_nothing_of_where_it_was_started(
    tmp_path, monkeypatch
):
    (tmp_path / "json.py").write_text("raise RuntimeError('another one')")
    monkeypatch.chdir(tmp_path)
    assert HERE.ask("import os\nsaid = os.environ['ORT_DISABLE_TELEMETRY']").value == "1"


def test_this_one_is_known():
    assert HERE.version == sys.version_info[:3]
    assert HERE.minor == f"3.{sys.version_info[1]}"
    code = "import sys\nsaid = sys.prefix"
    assert HERE.ask(code).value == str(HERE.prefix)


def test_the_command_that_installs(tmp_path):
    mine = replace(HERE, executable=tmp_path / "a b/python", prefix=tmp_path)
    assert mine.install("av>=17") == f"'{tmp_path}/a b/python' -m pip install 'av>=17'"
    roots = replace(mine, executable=Path("/opt/python"), prefix=tmp_path / "nowhere")
    assert roots.install("av", CPATH="/c") == "sudo CPATH=/c /opt/python -m pip install av"
