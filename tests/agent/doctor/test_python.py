"""Which Python will do, and how one that doesn't see JetPack's modules is mended."""

import shlex
import subprocess
import sys
from pathlib import Path

import boards
import pytest

from agent.doctor.interpreter import Interpreter
from agent.doctor.machine import Machine
from agent.doctor.python import look_at_python


@pytest.mark.parametrize(
    ("minor", "state"), [(9, "missing"), (10, "ok"), (13, "ok"), (14, "missing")]
)
def test_versions_that_will_do(root, minor, state):
    board = boards.pc(root)
    finding = look_at_python(board.machine, board.interpreter(minor=minor))
    assert finding.state == state
    assert finding.needed == (state == "missing")
    assert bool(finding.command) == finding.needed


def test_on_a_jetson_it_is_the_distributions_and_sees_its_modules(root):
    board = boards.orin_nano(root)
    assert look_at_python(board.machine, board.interpreter()).state == "ok"
    other = look_at_python(board.machine, board.interpreter(minor=11))
    assert other.state == "warning"
    assert "for the distribution's Python 3.10" in other.said
    assert other.command.startswith("/usr/bin/python3 -m venv --system-site-packages ~/sfumato")
    blind = look_at_python(board.machine, board.interpreter(sees_system=False, prefix=root))
    assert blind.state == "warning"
    assert blind.command == f"/usr/bin/python3 -m venv --system-site-packages {root}"
    roots = look_at_python(board.machine, board.interpreter(sees_system=False))
    assert roots.command.startswith("sudo /usr/bin/python3 -m venv ")


def test_on_a_pc_it_may_be_another_one(root):
    board = boards.pc_with_nvidia(root)
    assert look_at_python(board.machine, board.interpreter(minor=12)).state == "ok"


@pytest.mark.slow
def test_the_command_mends_an_environment_and_leaves_what_is_in_it(root, tmp_path):
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (kept,) = place.glob("lib/python3.*/site-packages")
    (kept / "kept.py").write_text("")
    board = boards.orin_nano(root)
    blind = board.interpreter(sees_system=False, prefix=place)
    words = shlex.split(look_at_python(board.machine, blind).command)
    assert words[0] == "/usr/bin/python3"
    subprocess.run([sys.executable, *words[1:-1], "--without-pip", words[-1]], check=True)
    code = "import kept, sys\nsaid = sys.path"
    python = place / "bin/python"
    mended = Interpreter(python, sys.version_info[:3], place, True, True, {})
    assert any(Path(path).is_relative_to(sys.base_prefix) for path in mended.ask(code).value)
    told = (place / "pyvenv.cfg").read_text()
    assert "include-system-site-packages = true" in told


def test_this_machines_own_is_read():
    assert Machine().python is None or Machine().python >= (3, 8)
