"""Both commands say which release they are of."""

import re
from pathlib import Path

import pytest

import agent.cli
import distill.cli

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


@pytest.mark.parametrize(
    ("name", "main"), [("sfumato", agent.cli.main), ("sfumato-distill", distill.cli.main)]
)
def test_a_command_says_the_version_that_was_built(name, main, capsys):
    built = re.search(r'^version = "(.+)"$', PYPROJECT.read_text("utf-8"), re.MULTILINE)[1]
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{name} {built}\n"
