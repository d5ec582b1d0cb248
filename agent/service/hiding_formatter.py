"""HidingFormatter: a log record's text, without secrets and without orders to a terminal."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All but the ends of lines and tabs; the last ones turn the direction of what follows."""


def without_controls(text: str) -> str:
    """With nothing that a terminal would obey: who is told of here may have chosen some words."""
    return _CONTROLS.sub("?", text)


@final
class HidingFormatter(logging.Formatter):
    """Hides in a record's message, exception and stack alike, and never raises.

    What a terminal would obey is left out as well.

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
            return without_controls(self._hide(super().format(record)))
        except Exception as error:  # noqa: BLE001 a log never stops what it is about
            at = f"{record.filename}:{record.lineno}"
            return f"a record of {at} can't be written: {type(error).__name__}"
