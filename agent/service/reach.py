"""Reach: by which broker and on which terms a configuration lets a device be reached."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from agent.control.broker import Broker, Tls, is_loopback
from agent.control.identity import Identity
from agent.control.plane import ControlPlane
from agent.control.terms import Terms
from agent.errors import UsageError
from agent.telemetry.status import ControlStatus
from models.errors import TrustError
from models.signing import load_public

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.config.mqtt import MqttConfig
    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig
    from agent.control.controlled import Controlled
    from agent.control.messages import EventKind, Scalar
    from agent.wall_clock import WallClock

_log = logging.getLogger(__name__)


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
    groups = config.groups
    if mqtt.identity is not None:
        identity = Identity.read(mqtt.identity)
        if identity.device != config.device:
            raise UsageError(
                f"mqtt.identity: it is of the device {identity.device!r}, and this one is called "
                f"{config.device!r}; say `device: {identity.device}`"
            )
        known = identity.broker
        host, port, root, tls = known.host, known.port, identity.root, known.tls
        groups = tuple(dict.fromkeys((*groups, *identity.groups)))
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
        jitter_s=0.0 if is_loopback(host) else mqtt.jitter_s,
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
        groups=groups,
        takes_models=config.update is not None,
    )


def _tls(mqtt: MqttConfig, secrets: Secrets) -> Tls:
    key = None if mqtt.key is None else secrets.path_of(mqtt.key)
    return Tls(mqtt.ca, mqtt.cert, key)


@final
class Reach:
    """The control plane of an agent, where its configuration asks for one.

    What is wrong with it is no reason not to redact: it is said, and tried again at each reload.
    All but `tell` and what tells how it is belong to the agent's main thread.

    Args:
        controlled: what it speaks for.
        folder: that outlives the process.
        boot_id: names this start of the agent.

    Attributes:
        fault: why there is none although there should be; empty where all is well.
    """

    def __init__(
        self,
        controlled: Controlled,
        secrets: Secrets,
        folder: Path,
        wall: WallClock,
        boot_id: str,
    ) -> None:
        self._controlled, self._secrets = controlled, secrets
        self._folder, self._wall, self._boot_id = folder, wall, boot_id
        self._plane: ControlPlane | None = None
        self.fault = ""

    def go_by(self, config: AgentConfig) -> None:
        """Be reached as a configuration says, from now on."""
        try:
            terms = terms_of(config, self._secrets)
        except UsageError as error:
            self.fault = self._secrets.hide(str(error))
            _log.error("not reachable over MQTT as it should be: %s", self.fault)
            return
        self.fault = ""
        if terms is None:
            self.close()
            return
        if self._plane is None:
            path = self._folder / "control.db"
            self._plane = ControlPlane(terms, self._controlled, path, self._wall, self._boot_id)
            self._plane.start()
        else:
            self._plane.change(terms)

    def tell(self, kind: EventKind, data: Mapping[str, Scalar]) -> None:
        """Something happened; from any thread, and at once."""
        if (plane := self._plane) is not None:
            plane.tell(kind, data)

    @property
    def status(self) -> ControlStatus | None:
        """How it is; None where there is none."""
        plane = self._plane
        if plane is None:
            return None
        return ControlStatus(plane.connection, plane.counts)

    @property
    def said(self) -> str:
        """Why the device can't be reached, for a person; empty where it can, or need not be."""
        status = self.status
        away = self.fault or (status.away if status is not None else "")
        return f"MQTT: {self._secrets.hide(away)}" if away else ""

    def dead(self) -> str | None:
        """Why the process should be started anew; None where all is well."""
        return None if self._plane is None else self._plane.fault()

    def close(self) -> None:
        """Tell the broker that this is the end."""
        plane, self._plane = self._plane, None
        if plane is not None:
            plane.stop()
