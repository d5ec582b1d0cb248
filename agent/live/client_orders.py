"""Orders: the commands of one client, obeyed one after the other."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, final

from agent.live.wire import Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from agent.live.asked import Do
    from agent.live.show import Command
    from agent.live.wire import Told

_log = logging.getLogger(__name__)

_MOST = 16
"""That wait for those before them. Chosen, not measured: more is no person."""


@final
class Orders:
    """Each is answered exactly once; for the event loop's thread.

    Args:
        do: obeys one, as `Show.do`.
        executor: on whose threads.
        tell: tells the client.
    """

    def __init__(
        self,
        do: Callable[[Command], str | None],
        executor: Executor,
        tell: Callable[[Told], None],
    ) -> None:
        self._do, self._executor, self._tell = do, executor, tell
        self._waiting: asyncio.Queue[Do] = asyncio.Queue(_MOST)

    async def take(self, asked: Do) -> None:
        """One has come."""
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull:
            self._tell(Done(id=asked.id, error="too many commands wait already"))

    async def obey(self) -> None:
        """All that come."""
        loop = asyncio.get_running_loop()
        while True:
            asked = await self._waiting.get()
            try:
                error = await loop.run_in_executor(self._executor, self._do, asked.command())
            except Exception:  # noqa: BLE001 whatever it was, it gets its answer
                _log.exception("a command failed")
                error = "a fault of ours; the log says more"
            self._tell(Done(id=asked.id, error=error))
