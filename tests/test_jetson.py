"""docs/jetson.md: what it has somebody type can be typed, and what doctor says there it could say."""

import re
import shlex
from pathlib import Path

import boards
import pytest
from machine_clock import MachineClock

from agent.cli.parser import parser_for
from agent.doctor.checkup import checkup
from agent.doctor.gpu import JETPACK
from agent.doctor.told import conclusion, heading, lines_of
from agent.video.gstreamer.library import PACKAGES

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "jetson.md").read_text("utf-8")
LINES = "".join(re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
COMMANDS = [
    words
    for line in LINES.replace("\\\n", " ").splitlines()
    for command in re.split(r"&&|\|", line)
    if (words := shlex.split(command, comments=True))
]
SFUMATO = [
    typed[1:] for words in COMMANDS if (typed := words[words[0] == "sudo" :])[0] == "sfumato"
]


@pytest.mark.parametrize("words", SFUMATO, ids=" ".join)
def test_every_command_is_one(words):
    parsed = parser_for(words).parse_args([each for each in words if not each.startswith(">")])
    assert callable(parsed.run)


def test_there_are_commands_to_check():
    assert {words[0] for words in SFUMATO} == {"doctor", "engine", "blur", "bench", "config"}


def test_nothing_else_is_asked_for_than_what_doctor_asks_for():
    installed = {word for words in COMMANDS for word in words if "apt-get" in words}
    assert set(PACKAGES.split()) <= installed
    assert set(JETPACK.split()) - {"&&", "-y"} <= installed | {"sudo"}


@pytest.mark.slow
def test_what_doctor_says_there_it_says_of_such_a_board(tmp_path):
    """But for versions, and what it is that is cut off there."""
    (shown,) = re.findall(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    board = boards.orin_nano(tmp_path / "root")
    board.put("var/lib/nvpmodel/status", "pmode:0002\n")
    board.put("etc/nvpmodel.conf", "< POWER_MODEL ID=2 NAME=25W >\n")
    clock = MachineClock(1_795_000_000.0).clock()
    blind = board.interpreter(sees_system=False, prefix=tmp_path)
    name = board.machine.hardware.name()
    findings = list(checkup(board.machine, blind, clock, None))
    said = [line for each in findings for line in lines_of(each)]
    first, *lines, dots, last = shown.splitlines()
    assert (first, last) == (heading("0.1.0", name), conclusion(findings))
    assert dots == "..."
    here = {line.split()[1]: line for line in said}
    for line in lines:
        if line.startswith(" "):
            assert line.strip().startswith("$ /usr/bin/python3 -m venv --system-site-packages /")
        elif line.split()[1] in {"system", "gpu", "cuda"}:
            assert line == here[line.split()[1]]
        elif line.split()[1] == "tensorrt":
            assert here["tensorrt"].startswith(line.removesuffix(" ..."))
        else:
            assert line.split()[1] in here
