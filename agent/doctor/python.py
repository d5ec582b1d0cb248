"""Whether this Python is one that Sfumato runs in, and sees what the distribution brings."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from agent.doctor.interpreter import Interpreter
    from agent.doctor.machine import Machine

_OLDEST, _NEWEST = (3, 10), (3, 13)

_NEW_PLACE = "~/sfumato"


def look_at_python(machine: Machine, interpreter: Interpreter) -> Finding:
    """Of what runs this."""
    version = ".".join(map(str, interpreter.version))
    said = f"{version}, {interpreter.executable}"
    if not _OLDEST <= interpreter.version[:2] <= _NEWEST:
        said = f"{said}; it should be 3.{_OLDEST[1]} to 3.{_NEWEST[1]}"
        return Finding("python", "missing", said, new_environment(), needed=True)
    if machine.has_nvidia_gpu and (blind := blindness(machine, interpreter)):
        return Finding("python", "warning", f"{said}; {blind}", seeing(machine, interpreter))
    return Finding("python", "ok", said)


def blindness(machine: Machine, interpreter: Interpreter) -> str:
    """Why modules of the distribution, such as JetPack's TensorRT, can't be imported; else empty."""
    theirs = machine.python
    if theirs is None or not machine.is_jetson:
        return ""  # a PC's come from PyPI
    if interpreter.version[:2] != theirs:
        return f"JetPack's modules are for the distribution's Python {theirs[0]}.{theirs[1]}"
    if not interpreter.sees_system:
        return "this environment was made without --system-site-packages: it sees none of JetPack's"
    return ""


def seeing(machine: Machine, interpreter: Interpreter) -> str:
    """The command that has it see them: where only that is wrong, it changes an environment."""
    if interpreter.version[:2] == machine.python and interpreter.is_environment:
        sudo = "" if interpreter.may_change else "sudo "
        return f"{sudo}{_MAKE} {shlex.quote(str(interpreter.prefix))}"
    return new_environment()


def new_environment() -> str:
    """The command that makes an environment and installs Sfumato in it; in a clone."""
    return f"{_MAKE} {_NEW_PLACE} && {_NEW_PLACE}/bin/pip install ."


_MAKE = "/usr/bin/python3 -m venv --system-site-packages"
