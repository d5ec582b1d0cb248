"""Interpreter: the Python that Sfumato runs in, and children of it that try things."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_S = 30.0
"""Chosen, not measured: TensorRT's import takes a second or two on a slow card."""

_OWN_ERROR = re.compile(r"^models\.errors\.\w+: ")
"""Before what is a whole sentence."""

_MOST_LETTERS = 200
"""Of what a child says of its end. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of what was tried.

    Attributes:
        value: what it came to, of JSON's types; None where it failed.
        fault: why it failed, in a line; empty where it didn't.
    """

    value: Any
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python.

    Attributes:
        executable: as children are started.
        version: such as (3, 10, 12).
        prefix: the environment that it is in.
        is_environment: whether that is one of its own, and not the system's or a build's.
        sees_system: whether it imports what the distribution's packages bring.
        environment: that children get.
    """

    executable: Path
    version: tuple[int, int, int]
    prefix: Path
    is_environment: bool
    sees_system: bool
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_process(cls) -> Interpreter:
        """The one that runs this."""
        return cls(
            Path(sys.executable),
            sys.version_info[:3],
            Path(sys.prefix),
            sys.prefix != sys.base_prefix,
            any("dist-packages" in folder for folder in sys.path),
            dict(os.environ),
        )

    @property
    def minor(self) -> str:
        """As in 3.10."""
        return "{}.{}".format(*self.version)

    @property
    def may_change(self) -> bool:
        """Whether who runs this may install into it."""
        return os.access(self.prefix, os.W_OK)

    def install(self, *packages: str, **variables: str) -> str:
        """The command that installs packages into it."""
        given = " ".join(f"{name}={value}" for name, value in variables.items())
        words = ("sudo" if not self.may_change else "", given, shlex.quote(str(self.executable)))
        begun = " ".join(word for word in words if word)
        return f"{begun} -m pip install {' '.join(map(shlex.quote, packages))}"

    def ask(self, code: str, timeout_s: float = _TIMEOUT_S) -> Answer:
        """Run code in a child, which may throw, crash or hang; what it calls `said` at the end."""
        whole = f"import json\n{code}\nprint()\nprint(json.dumps(said))"
        try:
            done = subprocess.run(
                [self.executable, "-c", whole],
                env={**self.environment, "ORT_DISABLE_TELEMETRY": "1"},
                cwd=os.sep,  # where nothing lies that has a module's name
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(None, f"it does not end within {timeout_s:g} s")
        except OSError as error:
            return Answer(None, f"{self.executable}: {error.strerror}")
        if done.returncode < 0:
            return Answer(None, f"it crashes: {_signal(-done.returncode)}")
        if done.returncode:
            said = _OWN_ERROR.sub("", _last_line(done.stderr))
            return Answer(None, said or f"it ends with {done.returncode}")
        try:
            return Answer(json.loads(_last_line(done.stdout, most=None)))
        except ValueError:
            return Answer(None, "it ends without an answer")


def _last_line(output: bytes, most: int | None = _MOST_LETTERS) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")[:most]


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
