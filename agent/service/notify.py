"""Notifier: tells systemd how the service is, by sd_notify's protocol."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from agent.service.hiding_formatter import without_controls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_log = logging.getLogger(__name__)

SEND_S = 1.0
"""Seconds that a notice may wait for systemd. Chosen, not measured: far below the watchdog's."""

EXTENSION_S = 20.0
"""So much longer what takes long may take, said every half of that. Chosen, not measured."""


@final
class Notifier:
    """Silent where no systemd waits for it ($NOTIFY_SOCKET); one that can't be reached is logged.

    Texts are shown by `systemctl status`: they must not hold secrets.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the zero byte that begins the name of an abstract socket.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self, status: str) -> None:
        """It is started, or has read its configuration anew."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line for people."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """It is alive."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """It reads its configuration; `ready` must follow, whatever comes of it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    @contextmanager
    def taking_long(self) -> Iterator[None]:
        """Have systemd wait for as long as this takes: loading a model may take minutes.

        An agent that begins anew by itself is already watched meanwhile.
        """
        over = threading.Event()

        def extend() -> None:
            while not over.is_set():
                self._send(f"EXTEND_TIMEOUT_USEC={round(EXTENSION_S * 1e6)}", "WATCHDOG=1")
                over.wait(EXTENSION_S / 2)

        thread = threading.Thread(target=extend, name="loading", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _send(self, *lines: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
                notices.settimeout(SEND_S)
                notices.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)
        except OSError as error:
            _log.warning("systemd can't be told %s: %s", lines[0], error)


def _status(text: str) -> str:
    text = " ".join(text.split())  # a second line would be another notice
    return f"STATUS={without_controls(text)}"
