"""Logs: every record of a service, without secrets, in the journal or on stderr.

libav stays silent: PyAV turns it off when it is imported, and so it must stay. Its callback takes
Python's lock in libav's own threads, while PyAV closes a decoder with that lock held and waits for
those threads: with it on, a damaged stream that was closed stopped the whole process, within
seconds (PyAV 18.1). And what the callback can't hand on it prints to stderr as it is.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, final

from agent.service.hiding_formatter import HidingFormatter
from agent.service.journald import JournaldHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from agent.service.recent_logs import RecentLogs

_log = logging.getLogger(__name__)

JOURNALD = Path("/run/systemd/journal/socket")
"""Where journald takes records in its native protocol."""


def start_logging(
    hide: Callable[[str], str],
    environment: Mapping[str, str] = os.environ,
    journald: Path = JOURNALD,
    recent: RecentLogs | None = None,
) -> None:
    """Log from INFO on, errors that nobody caught and warnings included.

    A record's `extra={"stream": name}` says which stream it is about.

    Args:
        hide: replaces secrets in a text; whatever is logged passes it.
        environment: of this process; $JOURNAL_STREAM says whether stderr is the journal.
        recent: keeps the last records as well.
    """
    handler: logging.Handler
    if _stderr_is_journal(environment.get("JOURNAL_STREAM", "")) and journald.exists():
        handler = JournaldHandler(journald, hide)
    else:
        handler = _LinesHandler(hide)
    handlers = [handler] if recent is None else [handler, recent]
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = partial(_log_unraisable, sys.unraisablehook)


@final
class _LinesHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """A record's further lines are indented, so that none looks like a record of its own."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__(sys.stderr)
        text = "%(asctime)s %(levelname)s %(about)s%(message)s"
        self.setFormatter(HidingFormatter(hide, text, "%Y-%m-%d %H:%M:%S"))

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n    ")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Lose it: stderr is closed, and the default would print the record there as it is."""


def _stderr_is_journal(journal_stream: str) -> bool:
    """Whether systemd's device and inode of the journal are those of stderr."""
    try:
        stderr = os.fstat(2)
    except OSError:
        return False
    return journal_stream == f"{stderr.st_dev}:{stderr.st_ino}"


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("an error that nobody caught", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is not None and not issubclass(uncaught.exc_type, SystemExit):
        name = uncaught.thread.name if uncaught.thread else "?"
        info = (uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback)
        _log.critical("an error that nobody caught in thread %s", name, exc_info=info)


def _log_unraisable(
    before: Callable[[sys.UnraisableHookArgs], object], unraisable: sys.UnraisableHookArgs
) -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        before(unraisable)  # a wish to stop, which the process raises again
    elif unraisable.exc_value is not None:
        info = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
        _log.error("an error in %r that nothing could catch", unraisable.object, exc_info=info)
