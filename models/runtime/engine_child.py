"""`python -m models.runtime.engine_child`: builds one engine, for `models.runtime.engine_build`.

It gives way to everything else: it is nice, and the first that the kernel ends where memory is
short. SIGTERM cancels the build.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from models.give_way import give_way


def main() -> int:
    """Read an order and a network, give a plan; the exit code."""
    give_way()
    cancelled = _asked_to_end()
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer

    def say(**words: Any) -> None:
        _write(out, json.dumps(words).encode() + b"\n")

    order = json.loads(sys.stdin.buffer.readline())
    onnx = sys.stdin.buffer.read()
    if len(onnx) != order["onnx_bytes"] or os.getppid() != order["parent"]:  # which has ended
        return 1
    from models.errors import ModelError  # noqa: PLC0415
    from models.runtime.tensorrt_build import build  # noqa: PLC0415

    try:
        # Python answers signals on this thread only, and TensorRT would hold it to the end.
        with ThreadPoolExecutor(1) as pool:
            plan = pool.submit(
                build,
                onnx,
                order["sizes"],
                batch=order["batch"],
                workspace_bytes=order["workspace_bytes"],
                progress=lambda step, share: say(step=step, share=share),
                cancelled=cancelled.is_set,
                timing_cache=Path(order["timing_cache"]),
            ).result()
    except ModelError as error:
        say(error=str(error))
        return 1
    say(plan_bytes=len(plan), plan_sha256=hashlib.sha256(plan).hexdigest())
    _write(out, plan)
    return 0


def _asked_to_end() -> threading.Event:
    """Set at SIGTERM, by a thread: the main one is TensorRT's as long as it builds.

    Python runs handlers of signals on the main thread, between two of its own steps.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    asked = threading.Event()

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        asked.set()

    threading.Thread(target=wait, name="end", daemon=True).start()
    return asked


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main())
