"""Reach: by which broker and on which terms a configuration lets a device be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.broker import Broker, Tls
from agent.control.identity import Identity
from agent.control.terms import Terms
from agent.errors import UsageError
from models.errors import TrustError
from models.signing import load_public

if TYPE_CHECKING:
    from agent.config.mqtt import MqttConfig
    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig


def terms_of(config: AgentConfig, secrets: Secrets) -> Terms | None:
    """On which terms; None: by no broker.

    Raises:
        UsageError: a key can't be read, a secret is missing, or the device is not provisioned.
    """
    mqtt = config.mqtt
    if mqtt is None:
        return None
    try:
        operators = tuple(load_public(path) for path in config.control.operators)
    except TrustError as error:
        raise UsageError(f"control.operators: {error}") from error
    if mqtt.identity is not None:
        identity = Identity.read(mqtt.identity)
        if identity.device != config.device:
            raise UsageError(
                f"mqtt.identity: it is of the device {identity.device!r}, and this one is called "
                f"{config.device!r}; say `device: {identity.device}`"
            )
        known = identity.broker
        host, port, root, tls = known.host, known.port, identity.root, known.tls
    else:
        host, port, root = mqtt.host or "", mqtt.port, mqtt.root
        tls = _tls(mqtt, secrets) if mqtt.is_encrypted else None
    broker = Broker(
        host,
        port,
        version="5" if mqtt.version == 5 else "3.1.1",
        tls=tls,
        username=mqtt.username,
        password=None if mqtt.password is None else secrets.value_of(mqtt.password),
        session_expiry_s=mqtt.session_expiry_s,
        jitter_s=mqtt.jitter_s,
    )
    return Terms(
        device=config.device,
        broker=broker,
        root=root,
        operators=operators,
        ops=frozenset(config.control.ops),
        tele_interval_s=config.telemetry.interval_s,
        home_assistant=config.telemetry.home_assistant,
        outbox_bytes=config.limits.outbox,
    )


def _tls(mqtt: MqttConfig, secrets: Secrets) -> Tls:
    key = None if mqtt.key is None else secrets.path_of(mqtt.key)
    return Tls(mqtt.ca, mqtt.cert, key)
