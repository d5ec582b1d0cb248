"""Engine build: has a process of its own build an engine, so that ours lives on whatever happens.

A build takes minutes and gigabytes, runs code that may crash, and can't be broken off from Python.
The process gets the network by its standard input, tells by its standard output how far it is, and
gives the plan there; no file is written. It ends with us, whatever ends us.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from models.errors import EngineError
from models.manifest import MAX_MODEL_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.manifest import Size

LIMIT_S = 3600.0
"""Of a build. Chosen, not measured: several times what people report of Orin Nano."""

WORKSPACE_BYTES = 1 << 30
"""Memory that TensorRT may try kernels with. Chosen, not measured: an eighth of an Orin Nano's."""

_PROGRAM = (sys.executable, "-m", "models.runtime.engine_child")
_SAID = ({"step", "share"}, {"plan_bytes", "plan_sha256"}, {"error"})
"""What a line of the process holds, one of these."""

_MOST_LINE_BYTES = 1 << 16
ENDS_WITHIN_S = 10.0
"""From when it is asked to end until it is made to. Chosen, not measured."""

_LOOKS_EVERY_S = 0.2
"""Whether it was cancelled."""


class BuildWatch(Protocol):
    """Who waits for a build."""

    def said(self, line: str) -> None:
        """What is done, or what is wrong, for a person."""
        ...

    def progress(self, step: str, share: float) -> None:
        """How far it is.

        Args:
            step: what is done.
            share: of all, 0 to 1.
        """
        ...

    def cancelled(self) -> bool:
        """Whether it is to end without an engine."""
        ...


class Unwatched:
    """A `BuildWatch` of nobody's."""

    def said(self, line: str) -> None:
        """Nobody hears it."""

    def progress(self, step: str, share: float) -> None:
        """Nor this."""

    def cancelled(self) -> bool:
        """Never."""
        return False


def build_in_child(
    onnx: bytes,
    *,
    sizes: Sequence[Size],
    batch: int,
    timing_cache: Path,
    watch: BuildWatch,
    program: Sequence[str] = _PROGRAM,
    limit_s: float = LIMIT_S,
    ends_within_s: float = ENDS_WITHIN_S,
) -> bytes:
    """TensorRT's plan of a network.

    Args:
        onnx: the network.
        sizes: width, height of its inputs.
        batch: the most images of a run.
        timing_cache: a file in which TensorRT keeps what it measured, for the next build.
        watch: is told how far it is, and may cancel.
        program: what builds.
        limit_s: of the build.
        ends_within_s: from when it is asked to end until it is killed.

    Raises:
        EngineError: it can't be built; or it took too long, or was cancelled.
    """
    order = {
        "parent": os.getpid(),
        "onnx_bytes": len(onnx),
        "sizes": [list(size) for size in sizes],
        "batch": batch,
        "workspace_bytes": WORKSPACE_BYTES,
        "timing_cache": str(timing_cache),
    }
    with subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],  # where `models` is; not the folder that somebody is in
        start_new_session=True,  # Ctrl-C is ours to answer
        bufsize=0,
    ) as child:
        return _Build(child, watch, time.monotonic() + limit_s, ends_within_s).run(order, onnx)


class _Build:
    """One child, from its order to its plan."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        watch: BuildWatch,
        until_s: float,
        ends_within_s: float,
    ) -> None:
        self._child, self._watch = child, watch
        self._until_s, self._ends_within_s = until_s, ends_within_s
        self._errors: deque[str] = deque(maxlen=1)
        self._listener = threading.Thread(target=self._listen, name="build errors", daemon=True)
        self._out = _stream(child.stdout)
        self._pending = bytearray()

    def run(self, order: dict[str, Any], onnx: bytes) -> bytes:
        threads = [
            threading.Thread(target=self._feed, args=(order, onnx), name="order", daemon=True),
            self._listener,
        ]
        for thread in threads:
            thread.start()
        try:
            return self._plan()
        finally:
            self._end()
            for thread in threads:
                thread.join()

    def _end(self) -> None:
        """Have the child be gone."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(self._ends_within_s)
            except subprocess.TimeoutExpired:
                self._child.kill()

    def _feed(self, order: dict[str, Any], onnx: bytes) -> None:
        with suppress(OSError), _stream(self._child.stdin) as file:  # else it says itself why
            for part in (json.dumps(order).encode() + b"\n", onnx):
                view = memoryview(part)
                while view:
                    view = view[file.write(view) :]

    def _listen(self) -> None:
        """Keep the last line that TensorRT or Python said."""
        with suppress(OSError):
            for line in _stream(self._child.stderr):
                if text := line.decode(errors="replace").strip():
                    self._errors.append(text[:200])

    def _plan(self) -> bytes:
        """Read what it says until there is a plan."""
        while True:
            said = self._line()
            if "plan_bytes" in said:
                return self._read_plan(int(said["plan_bytes"]), str(said["plan_sha256"]))
            if "error" in said:
                raise EngineError(f"TensorRT can't build the engine: {said['error']}")
            self._watch.progress(str(said["step"]), float(said["share"]))

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._pending:
            if len(self._pending) > _MOST_LINE_BYTES:
                raise self._fault("said what can't be read")
            self._pending += self._more()
        line, _, rest = self._pending.partition(b"\n")
        self._pending = rest
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and any(words <= said.keys() for words in _SAID):
                return said
        raise self._fault("said what can't be read")

    def _read_plan(self, size_bytes: int, sha256: str) -> bytes:
        if not 0 < size_bytes <= MAX_MODEL_BYTES:
            raise EngineError(f"TensorRT's engine has {size_bytes} bytes; export a smaller network")
        while len(self._pending) < size_bytes:
            self._pending += self._more()
        plan = bytes(self._pending)
        if len(plan) != size_bytes or hashlib.sha256(plan).hexdigest() != sha256:
            raise self._fault("gave another engine than it said")
        return plan

    def _more(self) -> bytes:
        """What it says next, before the time is over or somebody cancels."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            said = False
            while not said:
                if self._watch.cancelled():
                    raise EngineError("building the engine was cancelled")
                if time.monotonic() > self._until_s:
                    raise EngineError(
                        "building the engine took too long; "
                        "`sfumato engine build` on a quiet machine may mend that"
                    )
                said = bool(selector.select(_LOOKS_EVERY_S))
        if not (data := os.read(self._out.fileno(), 1 << 20)):
            self._child.wait()
            self._listener.join(self._ends_within_s)  # so that the last line was heard
            raise self._fault(f"ended ({_ending(self._child.returncode)})")
        return data

    def _fault(self, what: str) -> EngineError:
        last = f": {self._errors[0]}" if self._errors else ""
        return EngineError(f"the process that builds the engine {what}{last}")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _stream(file: IO[bytes] | None) -> IO[bytes]:
    if file is None:
        raise AssertionError("every stream is a pipe")
    return file
