"""A process in which something is tried that may hang, crash or take long."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.video.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIMIT_S = 10.0
"""For one trial, from the child's start on; then it is killed."""
_MOST_LETTERS = 200
_DYING_S = 1.0
"""For a killed child to be gone; one that hangs in a driver never is."""
_LENGTH = struct.Struct("<I")


def tried_in_child(
    module: str, parts: Sequence[bytes], limit_s: float = LIMIT_S
) -> Verdict | list[bytes]:
    """What a module's `child_main` answers, or why it doesn't."""
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What this process imports from, and not from wherever somebody stands.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        cwd="/",
    )
    try:
        given, said = child.communicate(_joined(parts), limit_s)
    except subprocess.TimeoutExpired:
        return Verdict(f"gave no picture in {limit_s:g} s, and was killed", is_grave=True)
    finally:
        if child.poll() is None:
            child.kill()
            with suppress(subprocess.TimeoutExpired):  # in the kernel; its pipes go with it
                child.communicate(timeout=_DYING_S)
    if child.returncode < 0:
        return Verdict(f"crashed ({signal.Signals(-child.returncode).name})", is_grave=True)
    if child.returncode:
        lines = said.decode(errors="replace").split("\n")
        return Verdict(next((each for each in reversed(lines) if each), "failed")[:_MOST_LETTERS])
    return _parted(given)


def child_main(work: Callable[[list[bytes]], list[bytes]]) -> None:
    """Be the child: do the work with what is given, and end the process."""
    # Drivers print what they like to where a program writes; nothing of it may get in between.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    code = 0
    try:
        out.write(_joined(work(_parted(sys.stdin.buffer.read()))))
        out.flush()
    except AgentError as error:
        code = error.exit_code
        sys.stderr.write(f"{error}\n")
    sys.stderr.flush()
    os._exit(code)  # what hangs in a driver must not keep us


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _parted(data: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        parts.append(data[at : at + length])
        at += length
    return parts
