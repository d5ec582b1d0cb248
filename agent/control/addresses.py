"""Addresses: where a name leads, in bounded time."""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Addresses:
    """Of one host.

    The system's look-up takes as long as its settings say, a minute and more where name servers are
    silent, and can't be interrupted: it has a thread of its own, and there is never a second one.

    Args:
        get: what looks up, as `socket.getaddrinfo` does.
    """

    def __init__(
        self, host: str, port: int, get: Callable[..., list[Any]] = socket.getaddrinfo
    ) -> None:
        self._host, self._port, self._get = host, port, get
        self._answers: queue.SimpleQueue[tuple[str, ...] | OSError] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def look_up(self, timeout_s: float) -> tuple[str, ...]:
        """The addresses, the system's favourite first.

        Raises:
            OSError: there is none, or none within this time (a TimeoutError).
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask, name="look-up", daemon=True)
            self._thread.start()
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no answer within {timeout_s:.0f} s") from None
        self._thread.join()
        self._thread = None
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _ask(self) -> None:
        try:
            found = self._get(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # a label that is too long is the latter
            self._answers.put(error if isinstance(error, OSError) else socket.gaierror(str(error)))
            return
        self._answers.put(tuple(dict.fromkeys(str(address[0]) for *_, address in found)))
