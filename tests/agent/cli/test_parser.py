"""The parser of one command is the one that the parser of all has, and costs no more than it must."""

import re
import subprocess
import sys

import pytest

from agent.cli import main
from agent.cli.parser import parser_for

COMMANDS = (
    *("blur", "redact-image", "model", "live", "run", "config", "provision", "ctl"),
    *("engine", "doctor", "bench"),
)


def said(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code, *capsys.readouterr()


def test_help_names_every_command(capsys):
    code, out, _ = said(["--help"], capsys)
    assert code == 0
    named = [line.split()[0] for line in out.splitlines() if re.match(r" {4}\w", line)]
    assert named == [*COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_parsed_alike_alone_and_among_all(command, capsys):
    helped = []
    for words in ([command, "--help"], ["--", command, "--help"]):
        with pytest.raises(SystemExit):
            parser_for(words).parse_args([command, "--help"])
        helped.append(capsys.readouterr().out)
    assert helped[0] == helped[1]
    assert helped[0].startswith(f"usage: sfumato {command} ")


def test_an_unknown_command_is_told_of_all(capsys):
    code, _, err = said(["blurr"], capsys)
    assert code == 2
    assert all(f"'{command}'" in err for command in COMMANDS)


def test_blur_loads_nothing_that_only_others_need():
    """Else a clip of one frame waits for it."""
    program = (
        "import sys, agent.cli.parser as p; p.parser_for(['blur']); import agent.blur, agent.cli.watch;"
        "print(*sorted({'agent.control.messages', 'agent.pictures.tile', 'PIL', 'cryptography', "
        "'scipy', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "\n"
