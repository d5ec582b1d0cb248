"""MetricsEndpoint: where the agent's metrics are served, if anywhere; it can move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.telemetry.server import MetricsServer

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


class MetricsEndpoint:
    """For one thread.

    Args:
        collector: is asked at each scrape, by several threads.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._address: str | None = None
        self._server: MetricsServer | None = None

    def serve(self, address: str | None) -> None:
        """Serve there from now on, and nowhere else; None: nowhere.

        Raises:
            OutputError: it can't be; it is served where it was.
        """
        before, self._address = self._address, address
        try:
            self._open()
        except OutputError:
            self._address = before
            self._open()
            raise

    def close(self) -> None:
        """Serve nowhere."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _open(self) -> None:
        self.close()
        if self._address is not None:
            self._server = MetricsServer(self._address, self._collector)
