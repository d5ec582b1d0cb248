"""DeviceInfo: what a device says that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.certificate import end_of, warning_of
from agent.control.identity import Identity
from agent.control.schemas import args_digests, schema_digest
from agent.errors import AgentError
from agent.service.description import device_info
from agent.telemetry.hardware import Hardware

if TYPE_CHECKING:
    from agent.config.tree import AgentConfig
    from agent.control.messages import Info
    from agent.telemetry.status import AgentStatus


def info_of(config: AgentConfig, status: AgentStatus, now: float | None) -> Info:
    """What a device is.

    Args:
        now: Unix time; None where the clock is not to be believed, and no certificate is judged.
    """
    end, _ = _of_identity(config)
    return device_info(
        status,
        Hardware(),
        schema_digest=schema_digest(),
        ops=args_digests(config.control.ops),
        signed=bool(config.control.operators),
        certificate=(end, None if end is None or now is None else warning_of(end, now)),
        groups=groups_of(config),
    )


def groups_of(config: AgentConfig) -> tuple[str, ...]:
    """All groups that a device belongs to."""
    _, groups = _of_identity(config)
    return tuple(dict.fromkeys((*config.groups, *groups)))


def _of_identity(config: AgentConfig) -> tuple[float | None, tuple[str, ...]]:
    """When the certificate ends, and groups that came with it."""
    mqtt = config.mqtt
    try:
        if mqtt is not None and mqtt.identity is not None:
            identity = Identity.read(mqtt.identity)
            return identity.certificate_end, identity.groups
        if mqtt is not None and mqtt.cert is not None:
            return end_of(mqtt.cert), ()
    except AgentError:  # the connection's own reason says it
        pass
    return None, ()
