"""Rules: what has to hold between the settings of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.config.strength import is_weaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.config.live import LiveConfig
    from agent.config.mqtt import MqttConfig
    from agent.config.tree import AgentConfig, StreamConfig


def broken_rules(config: AgentConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths of settings, and what is wrong with them."""
    if config.model.bundle is None and config.update is None:
        said = "has to be given, or a section update, by which models come over the air"
        yield ("model", "bundle"), said
    if not config.model.trust and not config.model.allow_unsigned:
        said = (
            "has to be given: the key that signed the bundle; or, for tests, allow_unsigned: true"
        )
        yield ("model", "trust"), said
    for name, stream in config.streams.items():
        if is_weaker(stream.hide.effect, config.floor.effect):
            said = f"{stream.hide.effect!r} is weaker than floor.effect, {config.floor.effect!r}"
            yield ("streams", name, "hide", "effect"), said
    yield from _files(config)
    if config.mqtt is not None:
        yield from _mqtt(config.mqtt)
    if config.live is not None:
        yield from _live(config.live, config.streams)


def _files(config: AgentConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """A file that is written has no other use."""
    read = {Path(stream.source.url): name for name, stream in config.streams.items()}
    written: dict[Path, str] = {}
    for name, stream in config.streams.items():
        file = stream.sink.file
        if file is None:
            continue
        where = ("streams", name, "sink", "file")
        if file in read:
            yield where, f"stream {read[file]} reads from this file"
        if file in written:
            yield where, f"stream {written[file]} writes to this file, too"
        if file.is_relative_to(config.record.dir):
            yield where, "lies in record.dir, where old files are deleted"
        written[file] = name


def _mqtt(mqtt: MqttConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """One way to say where the broker is, and whole credentials."""
    if mqtt.identity is not None:
        for name in ("host", "port", "ca", "cert", "key", "root"):
            if getattr(mqtt, name) != type(mqtt).model_fields[name].default:
                yield ("mqtt", name), "mqtt.identity holds it; take one of the two out"
    elif mqtt.host is None:
        yield ("mqtt", "host"), "has to be given, or mqtt.identity"
    if mqtt.cert is not None and mqtt.key is None:
        yield ("mqtt", "key"), "has to be given: the key that mqtt.cert belongs to"
    if mqtt.key is not None and mqtt.cert is None:
        yield ("mqtt", "cert"), "has to be given: the certificate that mqtt.key belongs to"
    if mqtt.password is not None and mqtt.username is None:
        yield ("mqtt", "username"), "has to be given: whose mqtt.password it is"


def _live(
    live: LiveConfig, streams: Mapping[str, StreamConfig]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Nobody comes in unasked, and browsers can decode what they get."""
    if live.token_file is None and not live.is_of_this_machine:
        said = f"has to be given: others than this machine can reach {live.listen}"
        yield ("live", "token_file"), said
    if live.tls_cert is not None and live.tls_key is None:
        yield ("live", "tls_key"), "has to be given: the key that live.tls_cert belongs to"
    if live.tls_key is not None and live.tls_cert is None:
        yield ("live", "tls_cert"), "has to be given: the certificate that live.tls_key belongs to"
    for name, stream in streams.items():
        if stream.sink.codec != "h264":
            said = f"{stream.sink.codec} can't be shown in browsers; h264 can, or leave live out"
            yield ("streams", name, "sink", "codec"), said
        if stream.sink.encoder == "gstreamer":
            said = "gives pictures out late; where live is on, auto and pyav are for its pictures"
            yield ("streams", name, "sink", "encoder"), said
