"""LiveDisplay: the streams of a service, in browsers."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, final

from agent.config.token_file import token_of
from agent.live.controls import NoControls
from agent.live.live_server import LiveServer
from agent.service.source import is_live
from agent.service.stream_show import StreamShow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.config.live import LiveConfig
    from agent.config.secrets import Secrets
    from agent.config.tree import StreamConfig
    from agent.live.show import Show
    from agent.live.views import Views
    from agent.service.streams import Streams
    from agent.telemetry.live_metrics import LiveStatus
    from agent.telemetry.status import StreamStatus

_log = logging.getLogger(__name__)


def live_server(config: LiveConfig, shows: Callable[[], Mapping[str, Show]]) -> LiveServer:
    """What serves as a configuration says; it has not begun.

    Raises:
        InputError: the token, the certificate or its key can't be used.
        UsageError: the token is too short.
    """
    certificate, key = config.tls_cert, config.tls_key
    return LiveServer(
        config.listen,
        shows,
        names=config.hosts,
        token=None if config.token_file is None else token_of(config.token_file),
        tls=None if certificate is None or key is None else (certificate, key),
        setting="live.listen",
    )


@final
class LiveDisplay:
    """Serves from a thread of its own, once started.

    Args:
        views: what those who watch see of each stream.
        configs: of all streams that there are now; asked by any thread.

    Raises:
        InputError: the token, the certificate or its key can't be used.
        UsageError: the token is too short.
    """

    def __init__(
        self,
        config: LiveConfig,
        views: Views,
        streams: Streams,
        configs: Callable[[], Mapping[str, StreamConfig]],
        secrets: Secrets,
    ) -> None:
        self._views, self._streams, self._configs = views, streams, configs
        self._secrets = secrets
        self._server = live_server(config, self._shows)

    def start(self) -> None:
        """Serve from now on.

        Raises:
            OutputError: nothing can listen there.
        """
        self._server.start()
        _log.info("live on %s", self._server.address)

    def status(self) -> LiveStatus:
        """How it is now; from any thread."""
        return self._server.status()

    def close(self) -> None:
        """Say good-bye to all who watch; harmless where it was never started."""
        self._views.close()
        self._server.close()

    def _shows(self) -> Mapping[str, Show]:
        return {name: self._show(name, config) for name, config in self._configs().items()}

    def _show(self, name: str, config: StreamConfig) -> Show:
        return StreamShow(
            name,
            self._views.view(name),
            lambda: self._status(name),
            lambda: self._configs().get(name, config).look,
            NoControls(),
            is_live=is_live(self._secrets.fill(config.source.url)),
        )

    def _status(self, name: str) -> StreamStatus | None:
        """What is said of a stream goes to everybody who may watch."""
        supervisor = self._streams.supervisor(name)
        if supervisor is None:
            return None
        status = supervisor.status()
        return replace(status, reason=self._secrets.hide(status.reason))
