"""Processes: one for each GPU, begun and ended together; what goes wrong in one is said here.

PyTorch's own launcher prints the traceback of each, and its own, and keeps no exit code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ultralytics.utils.dist import find_free_network_port

from distill.errors import DistillError, InputError, OutputError, TrainingError, UsageError
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIPE = "SFUMATO_PROCESS_PIPE"
"""Names the descriptor to report to, in a process that `run_processes` began."""
_ERRORS = (UsageError, InputError, OutputError, TrainingError, ModelError, DistillError)
_MAX_CHARACTERS = 900
"""Of a report; a pipe takes 4096 bytes whole, and a character is four at most."""
_POLL_S = 0.2
_PATIENCE_S = 600.0
"""How long a process that reported waits for its end; chosen, not measured."""


def run_processes(program: str, count: int) -> None:
    """Run a Python program in several processes that know of each other, as PyTorch expects it.

    Args:
        program: the file.
        count: how many; each finds its number in RANK and LOCAL_RANK.

    Raises:
        DistillError: or ModelError, as the first of them reported it; or one ended in another way.
    """
    hear, tell = os.pipe()
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "WORLD_SIZE": str(count),
        _PIPE: str(tell),
    }
    begun: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(count):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            environment = {"OMP_NUM_THREADS": "1", **os.environ, **common, **own}
            command = [sys.executable, program]
            begun.append(subprocess.Popen(command, env=environment, pass_fds=[tell]))
        _wait(begun, hear)
    finally:
        for end in (signal.SIGSTOP, signal.SIGKILL):  # none sees another go, and complains
            for process in begun:
                process.send_signal(end)
        for process in begun:
            process.wait()
        os.close(hear)
        os.close(tell)


def _wait(begun: list[subprocess.Popen[bytes]], hear: int) -> None:
    """Until all have ended well."""
    while True:
        codes = [
            process.poll() for process in begun
        ]  # before the pipe: they report before they end
        if select.select([hear], [], [], 0 if any(codes) else _POLL_S)[0]:
            number, text = json.loads(os.read(hear, select.PIPE_BUF).splitlines()[0])
            raise _ERRORS[number](text)
        if any(codes):
            raise TrainingError("one of the processes failed; it said why above")
        if None not in codes:
            return


@contextmanager
def reported() -> Iterator[None]:
    """Where this is one of several processes, an error of ours in this block is for the first one.

    It waits for its end then: the others, too, are at rest, where without it they would fail.
    """
    try:
        yield
    except _ERRORS as error:
        if _PIPE not in os.environ:
            raise
        number = next(i for i, kind in enumerate(_ERRORS) if isinstance(error, kind))
        line = json.dumps([number, str(error)[:_MAX_CHARACTERS]], ensure_ascii=False)
        os.write(int(os.environ[_PIPE]), f"{line}\n".encode())
        time.sleep(_PATIENCE_S)
        raise
    except KeyboardInterrupt:  # which all of them get, and the first one says
        if _PIPE in os.environ:
            time.sleep(_PATIENCE_S)
        raise
