"""HidingFormatter: a log record's text, without secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class HidingFormatter(logging.Formatter):
    """Hides in a record's message, exception and stack alike, and never raises.

    The format may name `about`: "door: " for a record about that stream, else nothing.
    """

    def __init__(self, hide: Callable[[str], str], text: str, dates: str | None = None) -> None:
        super().__init__(text, dates)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """The text, or of what could not be made into one, where it came from."""
        try:
            stream = getattr(record, "stream", None)
            record.about = "" if stream is None else f"{stream}: "
            return self._hide(super().format(record))
        except Exception as error:  # noqa: BLE001 a log never stops what it is about
            at = f"{record.filename}:{record.lineno}"
            return f"a record of {at} can't be written: {type(error).__name__}"
