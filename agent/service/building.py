"""Building: what a service says while it waits for an engine to be built, before its streams begin."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.service.errands import Errands
    from agent.service.notify import Notifier

_log = logging.getLogger(__name__)


class Building:
    """A `models.runtime.engine_build.BuildWatch`: the log, and what `systemctl status` shows.

    Args:
        notifier: has systemd wait meanwhile.
        errands: whoever asks to stop need not wait for the build.
    """

    def __init__(self, notifier: Notifier, errands: Errands) -> None:
        self._notifier, self._errands = notifier, errands
        self._line, self._percent = "", -1

    def said(self, line: str) -> None:
        """What is done now."""
        self._line, self._percent = line, -1
        _log.info("%s", line)
        self._notifier.status(line)

    def progress(self, step: str, share: float) -> None:  # noqa: ARG002 TensorRT's own words
        """Once a percent."""
        percent = int(100 * share)
        if percent > self._percent:
            self._percent = percent
            self._notifier.status(f"{self._line}: {percent} %")

    def cancelled(self) -> bool:
        """Whether the service is to stop."""
        return self._errands.stop_asked
