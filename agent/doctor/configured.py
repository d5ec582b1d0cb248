"""Configured: what this machine is told to do, as far as its configuration says so."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.doctor.broker import look_at_broker
from agent.doctor.finding import Finding
from agent.doctor.store import look_at_disk, look_at_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.tree import AgentConfig
    from agent.control.broker import Broker
    from agent.doctor.interpreter import Interpreter
    from agent.doctor.user import User
    from models.bundle import Bundle

CREDENTIALS = Path("/etc/sfumato/credentials")
"""Of the service."""


_REMEMBERED = "from agent.doctor.runtimes import remembered\nsaid = remembered(*{!r})"


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration that can be read, and what it leads to.

    Attributes:
        path: of its file.
        state: where the agent keeps what outlives it.
        bundle: the bundle, else why it may not run.
        broker: the broker, else why there is none although there should be; None: by none.
    """

    path: Path
    config: AgentConfig
    state: Path
    bundle: Bundle | str
    broker: Broker | str | None

    @property
    def cameras(self) -> tuple[str, ...]:
        """Device nodes among its sources."""
        urls = (stream.source.url for stream in self.config.streams.values())
        return tuple(url for url in urls if url.startswith("/dev/"))

    @property
    def decoders(self) -> frozenset[str]:
        """What its streams ask for, by name, to decode them."""
        return frozenset(stream.source.decoder for stream in self.config.streams.values())

    @property
    def judges_by_the_clock(self) -> bool:
        """Whether a certificate's dates decide on what it does."""
        return self.config.mqtt is not None and self.config.mqtt.is_encrypted


def look_at_configured(
    configured: Configured, user: User, interpreter: Interpreter
) -> Iterator[Finding]:
    """Of all that a configuration asks for, but for devices and clock."""
    config = configured.config
    yield _bundle(configured, interpreter)
    if isinstance(configured.broker, str):
        sudo = f"sudo sfumato doctor --config {shlex.quote(str(configured.path))}"
        yield Finding("broker", "missing", configured.broker, sudo, needed=True)
    elif configured.broker is not None:
        yield look_at_broker(configured.broker, CREDENTIALS, configured.path)
    yield look_at_state(configured.state, user)
    yield look_at_disk(config.record.dir, config.record.keep.free or 0, user)


def _bundle(configured: Configured, interpreter: Interpreter) -> Finding:
    """Of the bundle, and of how its files run here, one after another."""
    if isinstance(configured.bundle, str):
        if configured.config.update is not None:
            return Finding(
                "model", "warning", f"{configured.bundle}; all is covered until one comes"
            )
        command = f"sfumato config check {shlex.quote(str(configured.path))}"
        return Finding("model", "missing", configured.bundle, command, needed=True)
    manifest = configured.bundle.manifest
    said = f"{manifest.name} v{manifest.version}"
    if manifest.has_expired():
        said = f"{said}; it expired on {manifest.expires:%Y-%m-%d}: get a newer one"
        return Finding("model", "warning", said)
    answer = interpreter.ask(_REMEMBERED.format(_given(configured)))
    if not answer.value:
        why = answer.fault or "the first start finds out which of them suits this machine"
        return Finding("model", "ok", f"{said}: {', '.join(manifest.files)}; {why}")
    lines = "; ".join(line for line, _ in answer.value)
    is_faulty = any(faulty for _, faulty in answer.value)
    return Finding("model", "warning" if is_faulty else "ok", f"{said}: {lines}")


def _given(configured: Configured) -> tuple[str, list[str], bool, str]:
    """What `agent.doctor.runtimes.remembered` is asked with."""
    model = configured.config.model
    trust = [str(path) for path in model.trust]
    return str(model.bundle), trust, model.allow_unsigned, str(configured.state)
