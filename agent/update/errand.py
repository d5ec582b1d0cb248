"""Errand: one order, given to a process that is watched, and made to end if it hangs."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from pydantic import ValidationError

from agent.update.work_order import Answer, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.update.work_order import Check, Fetch, Prove

PROGRAM = (sys.executable, "-m", "agent.update.child")

_MOST_LINE_BYTES = 1 << 16
_DYING_S = 1.0
"""For a killed process to be gone; one that hangs in a driver never is."""


class ErrandError(Exception):
    """The process ended, or was made to, before it said what came of it.

    Attributes:
        was_ended: by `Errand.end`.
    """

    def __init__(self, said: str, *, was_ended: bool = False) -> None:
        super().__init__(said)
        self.was_ended = was_ended


class Errand:
    """A process at work; `end` may be called from any thread.

    It is in a session of its own, gives way to everything else, and ends when the thread that made
    this does.

    Args:
        silent_s: after so long without a word it is killed.
        total_s: and after so long in all.
    """

    def __init__(
        self,
        work: Check | Fetch | Prove,
        silent_s: float,
        total_s: float,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._silent_s, self._total_s = silent_s, total_s
        self._last: deque[str] = deque(maxlen=1)
        self._pending, self._was_ended = bytearray(), False
        self._ending = threading.Lock()
        self._child = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # What this process imports from, and not from wherever somebody stands.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            cwd="/",
            start_new_session=True,  # Ctrl-C is the agent's to answer
            bufsize=0,
        )
        order = Order(parent=os.getpid(), work=work).model_dump_json().encode()
        with suppress(BrokenPipeError):  # it says itself why
            _stream(self._child.stdin).write(order + b"\n")

    def answer(self, progress: Callable[[float], None]) -> Answer:
        """What came of it; the process is gone then.

        Raises:
            ErrandError: nothing did.
        """
        try:
            return self._answer(progress)
        finally:
            self._kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_DYING_S)
            for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
                _stream(stream).close()

    def end(self) -> None:
        """Kill it."""
        self._was_ended = True
        self._kill()

    def _kill(self) -> None:
        with self._ending, suppress(ProcessLookupError):
            if self._child.poll() is None:  # else its number may be another's by now
                os.killpg(self._child.pid, signal.SIGKILL)

    def _answer(self, progress: Callable[[float], None]) -> Answer:
        until_s = time.monotonic() + self._total_s
        with selectors.DefaultSelector() as selector:
            for stream in (self._child.stdout, self._child.stderr):
                selector.register(_stream(stream), selectors.EVENT_READ)
            while True:
                answer = self._line(selector, until_s)
                if answer.share is None:
                    return answer
                progress(answer.share)

    def _line(self, selector: selectors.BaseSelector, until_s: float) -> Answer:
        """What it says next."""
        said_until_s = min(until_s, time.monotonic() + self._silent_s)
        while b"\n" not in self._pending:
            if len(self._pending) > _MOST_LINE_BYTES:
                raise ErrandError("said what can't be read")
            ready = selector.select(max(0.0, said_until_s - time.monotonic()))
            if not ready and time.monotonic() >= said_until_s:
                raise self._late(is_over=said_until_s == until_s)
            for key, _ in ready:
                self._read(key.fileobj, selector)
        line, _, rest = self._pending.partition(b"\n")
        self._pending = rest
        try:
            return Answer.model_validate_json(line)
        except ValidationError as error:
            raise ErrandError("said what can't be read") from error

    def _read(self, stream: object, selector: selectors.BaseSelector) -> None:
        """Take what it says, or what was said where errors go."""
        out, errors = _stream(self._child.stdout), _stream(self._child.stderr)
        data = os.read((out if stream is out else errors).fileno(), 1 << 16)
        if stream is errors:
            if not data:
                selector.unregister(errors)
            elif lines := [
                line for line in data.decode(errors="replace").split("\n") if line.strip()
            ]:
                self._last.append(lines[-1].strip()[:200])
        elif data:
            self._pending += data
        else:
            raise self._ended()

    def _ended(self) -> ErrandError:
        """It closed its output."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_DYING_S)
        if self._was_ended:
            return ErrandError("was ended", was_ended=True)
        code = self._child.returncode
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended (exit code {code})"
        last = f": {self._last[0]}" if self._last else ""
        return ErrandError(f"{how}{last}")

    def _late(self, *, is_over: bool) -> ErrandError:
        if is_over:
            return ErrandError(f"took more than {self._total_s:g} s")
        return ErrandError(f"hung: it said nothing for {self._silent_s:g} s")


def _stream(file: IO[bytes] | None) -> IO[bytes]:
    if file is None:
        raise AssertionError("every stream is a pipe")
    return file
