"""MetricsServer: metrics over HTTP, for Prometheus."""

from __future__ import annotations

import logging
import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar, final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)

from agent.errors import OutputError
from agent.telemetry.ip_port import ip_and_port

if TYPE_CHECKING:
    from typing import Any

    from prometheus_client.registry import Collector


_log = logging.getLogger(__name__)

REQUEST_S = 5.0
"""Seconds that a client may take for its request. Chosen, not measured: Prometheus sends its own at
once, and a client that says nothing would else hold a thread for ever."""

CLOSE_S = 0.1
"""Seconds until the server notices that it is to close. Chosen, not measured: a reload waits for it,
and it costs a look ten times a second."""


@final
class MetricsServer:
    """Answers `GET /metrics` from a thread of its own, and each scrape from another.

    prometheus_client's own server looks its address up in the DNS, and prints the traceback of a
    failed scrape to stderr, past whatever hides secrets in logs.
    """

    def __init__(
        self, address: str, collector: Collector, setting: str = "telemetry.prometheus"
    ) -> None:
        """Listen, and answer from now on.

        Args:
            address: an IP address and a port: "127.0.0.1:9464", "[::1]:9464"; port 0: a free one.
            collector: asked once a scrape, by several threads; where it raises, that scrape is
                answered with 500, and the reason goes to the log.
            setting: what a person writes the address into.

        Raises:
            UsageError: when that is no address.
            OutputError: when nothing can listen there.
        """
        host, port = ip_and_port(address, setting)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        ProcessCollector(registry=registry)  # memory, CPU seconds and descriptors
        try:
            self._server = _Server(host, port, registry)
        except OSError as error:
            raise OutputError(
                f"metrics can't be served on {address}: {error.strerror}; "
                f"set {setting} to another address"
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(CLOSE_S,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop to listen; the port is free afterwards."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True  # a reload closes a port and opens it again
    daemon_threads = True  # a client that says nothing holds no exit up

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.registry = registry
        self._fault = ""
        super().__init__((host, port), _Handler)

    def text(self) -> bytes | None:
        """All metrics, or None where they could not be made; a new reason for that is logged."""
        try:
            text = generate_latest(self.registry)
        except Exception as error:  # noqa: BLE001 whatever it was, the next scrape may succeed
            fault = repr(error)
            if fault != self._fault:  # else four times a minute
                _log.exception("metrics could not be made")
            self._fault = fault
            return None
        self._fault = ""
        return text

    def handle_error(self, *_: Any) -> None:
        """Pass over clients that went away or were too slow; the default prints to stderr."""
        if not isinstance(sys.exc_info()[1], OSError):
            _log.exception("a request for metrics failed")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout: ClassVar[float] = REQUEST_S
    server_version = "sfumato"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND, "metrics are at /metrics")
            return
        text = self.server.text()
        if text is None:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "no metrics; the log says why")
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """A scrape every few seconds is no news."""
