"""`python -m agent.update.child`: does one order of `agent.update.worker`, in a process of its own.

What it takes to ask a repository is imported here alone: the agent's process has neither python-tuf
nor httpx.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from agent.update.ports import RefusedError, UnavailableError
from agent.update.work_order import Answer, Check, Fetch, Order, Prove
from models.give_way import give_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.update.web_server import Server
    from models.offer import Offer

_ALIVE_EVERY_S = 1.0


def main() -> int:
    """Read an order, do it and say what came of it; the exit code."""
    give_way()
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 1
    order = Order.model_validate_json(line)
    if os.getppid() != order.parent:  # it died before this process asked to die with it
        return 1

    def say(answer: Answer) -> None:
        data = memoryview(answer.model_dump_json(exclude_defaults=True).encode() + b"\n")
        while data:
            data = data[os.write(out, data) :]

    try:
        offer = _do(order.work, say)
    except UnavailableError as error:
        say(Answer(unavailable=str(error)))
    except RefusedError as error:
        say(Answer(refused=str(error)))
    else:
        say(Answer(offer=offer) if offer else Answer(done=True))
    return 0


def _do(work: Check | Fetch | Prove, say: Callable[[Answer], None]) -> Offer | None:
    if isinstance(work, Prove):
        from agent.update.proof import prove  # noqa: PLC0415 each imports what it needs

        watch = _Watch(say)
        prove(work, watch, watch.alive)
        return None
    from agent.update.web_server import Server  # noqa: PLC0415 likewise

    with Server(work.repository) as server:
        if isinstance(work, Check):
            return _check(work, server)
        from agent.update.fetch import fetch  # noqa: PLC0415 likewise

        fetch(server, work.offer, work.part, lambda share: say(Answer(share=share)))
        return None


def _check(work: Check, server: Server) -> Offer:
    from agent.control.clock import EventClock  # noqa: PLC0415 likewise
    from agent.update.repository import Repository  # noqa: PLC0415 likewise
    from agent.wall_clock import WallClock  # noqa: PLC0415 likewise

    clock = EventClock(WallClock())
    return Repository(server, work.root, work.folder, clock).offer(work.wanted)


class _Watch:
    """A `models.runtime.engine_build.BuildWatch`; says at most once a second that it is alive."""

    def __init__(self, say: Callable[[Answer], None]) -> None:
        self._say, self._share, self._said_s = say, 0.0, 0.0

    def said(self, line: str) -> None:
        """What is built; nobody needs to know."""

    def progress(self, step: str, share: float) -> None:  # noqa: ARG002 TensorRT's own words
        """How far a build is."""
        self._share = min(max(share, 0.0), 1.0)

    def cancelled(self) -> bool:
        """Asked several times a second while an engine is built. Who cancels kills."""
        self.alive()
        return False

    def alive(self) -> None:
        """It does not hang."""
        if time.monotonic() - self._said_s > _ALIVE_EVERY_S:
            self._said_s = time.monotonic()
            self._say(Answer(share=self._share))


if __name__ == "__main__":
    sys.exit(main())
