"""RecentLogs: the last lines of the log, without secrets, for who asks for them from afar."""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, final

from agent.service.hiding_formatter import HidingFormatter

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINES = 2_000
MAX_BYTES = 512 * 1024
"""Of all lines that are kept. Chosen, not measured: a day of a device that is well."""

MAX_LINE_BYTES = 8 * 1024
"""Of one, which may be a traceback. Chosen, not measured: a hundred lines of one."""

MAX_ANSWER_BYTES = 64_000
"""Of lines that are asked for, as JSON: as much as a snapshot."""

_SHORTENED = " … (shortened)"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A record.

    Attributes:
        ts: Unix time, as the machine believed it.
        stream: that it is about; None where it is about none.
        text: may have several lines, as a traceback has.
    """

    ts: float
    level: str
    stream: str | None
    text: str

    @property
    def size_bytes(self) -> int:
        """As JSON, with what parts it from others."""
        return len(json.dumps(asdict(self))) + 2


@final
class RecentLogs(logging.Handler):
    """Keeps the last records.

    Args:
        hide: replaces secrets in a text.
    """

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__()
        self.setFormatter(HidingFormatter(hide, "%(message)s"))
        self._hide = hide
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._size_bytes = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, and let go of the oldest that there is no room for."""
        try:
            text = _fit(self.format(record))
            stream = getattr(record, "stream", None)
            about = None if stream is None else _fit(self._hide(str(stream)))
            line = LogLine(record.created, record.levelname.lower(), about, text)
            if len(self._lines) == MAX_LINES:
                self._let_go()
            self._lines.append(line)
            self._size_bytes += line.size_bytes
            while self._size_bytes > MAX_BYTES:
                self._let_go()
        except Exception:  # noqa: BLE001 a log never stops what it is about
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Lose it: the default would print the record to stderr as it is."""

    def lines(self, most: int, since: float | None = None) -> tuple[list[LogLine], bool]:
        """The last lines, oldest first, and whether some were left out for `MAX_ANSWER_BYTES`.

        Args:
            since: Unix time; only later ones.
        """
        self.acquire()
        try:
            kept = list(self._lines)
        finally:
            self.release()
        later = [line for line in kept if since is None or line.ts > since][-most:]
        room, first = MAX_ANSWER_BYTES, len(later)
        while first and (room := room - later[first - 1].size_bytes) >= 0:
            first -= 1
        return later[first:], first > 0

    def _let_go(self) -> None:
        self._size_bytes -= self._lines.popleft().size_bytes


def _fit(text: str) -> str:
    """Text that can be sent: not too long, and without halves of surrogates."""
    data = text.encode("utf-8", "backslashreplace")
    shortened = _SHORTENED if len(data) > MAX_LINE_BYTES else ""
    return data[:MAX_LINE_BYTES].decode("utf-8", "ignore") + shortened
