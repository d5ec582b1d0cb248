"""MQTT files: whether certificates, keys and roots of trust that a configuration names can be used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from agent.errors import UsageError
from models.errors import TrustError
from models.signing import load_public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.config.mqtt import MqttConfig
    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig


def unusable(config: AgentConfig, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """Dotted keys of files that can't be used, and why.

    The folder of `mqtt.identity` is left to who fills it: an agent runs before there is anything.
    """
    for operator in config.control.operators:
        try:
            load_public(operator)
        except TrustError as error:
            yield "control.operators", str(error)
    if config.mqtt is not None:
        yield from _of_mqtt(config.mqtt, secrets)
    if config.update is not None:
        try:
            config.update.root.open("rb").close()
        except OSError as error:
            yield "update.root", f"can't read {config.update.root} ({error.strerror})"


def _of_mqtt(mqtt: MqttConfig, secrets: Secrets) -> Iterator[tuple[str, str]]:
    wrong = ""
    for name, path in (("ca", mqtt.ca), ("cert", mqtt.cert)):
        if path is not None and (wrong := _no_certificate(path)):
            yield f"mqtt.{name}", wrong
    if wrong or mqtt.cert is None or mqtt.key is None:
        return
    try:
        key = secrets.path_of(mqtt.key)
        key.open("rb").close()
        # Whoever could type a password isn't there when the service starts.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(mqtt.cert, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield "mqtt.key", f"{key} doesn't belong to mqtt.cert"
        else:
            yield "mqtt.key", f"{key} holds no key in PEM, or one that needs a password"
    except OSError as error:
        yield "mqtt.key", f"can't read {key} ({error.strerror})"
    except UsageError as error:
        yield "mqtt.key", str(error)


def _no_certificate(path: Path) -> str:
    try:
        path.open("rb").close()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return f"{path} holds no certificates in PEM"
    except OSError as error:
        return f"can't read {path} ({error.strerror})"
    return ""
