"""JournaldHandler: log records to systemd's journal, in its native protocol."""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, final

from agent.service.hiding_formatter import HidingFormatter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEND_S = 0.2
"""Seconds that a record may wait for a journal whose queue is full. Chosen, not measured: a frame
may wait behind it, and at a journal that stands still each record costs that much."""

_SHORTENED = " … (shortened)"

_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""syslog's, by the least level."""


@final
class JournaldHandler(logging.Handler):
    """Sends each record as one datagram; what the journal doesn't take is lost, never raised."""

    def __init__(self, address: Path, hide: Callable[[str], str]) -> None:
        super().__init__()
        self.setFormatter(HidingFormatter(hide, "%(about)s%(message)s"))
        self._address = str(address)
        self._hide = hide
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(SEND_S)

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, its message shortened until it fits."""
        try:
            message, fields = self.format(record), self._fields(record)
            length = len(message)
            while not self._sent({"MESSAGE": message, **fields}) and length:
                length //= 2
                message = message[:length] + _SHORTENED
        except Exception:  # noqa: BLE001 a log never stops what it is about
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Lose it: the default would print the record to stderr as it is."""

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        fields = {
            "PRIORITY": str(next((p for least, p in _PRIORITIES if record.levelno >= least), 7)),
            "SYSLOG_IDENTIFIER": "sfumato",
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
        }
        stream = getattr(record, "stream", None)
        if stream is not None:
            fields["SFUMATO_STREAM"] = self._hide(str(stream))
        return fields

    def _sent(self, fields: dict[str, str]) -> bool:
        """Whether they were not too long for a datagram; any other fault is raised."""
        datagram = b"".join(_field(name.encode(), value) for name, value in fields.items())
        try:
            self._socket.sendto(datagram, self._address)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            return False
        return True


def _field(name: bytes, value: str) -> bytes:
    """`NAME=value`, or where that has several lines, its length before it in binary."""
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name + b"=" + data + b"\n"
    return name + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
