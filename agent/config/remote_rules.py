"""Remote rules: what a configuration from afar may not say, whoever sent it.

The device's own file bounds it. What is sent may hide more, look at other cameras and record less.
It never hides less than the file, looks away for longer, reads or writes a file that the file
doesn't name, uses a secret elsewhere than where the file does, or serves metrics elsewhere. An effect
alone may be weaker than the file's, down to its `floor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.config.address import camera
from models.classes import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.tree import AgentConfig, StreamConfig
    from agent.settings import Hiding, Looking

    Fault = tuple[tuple[str, ...], str]
    """Path of a setting, and what is wrong with it."""
    _Least = tuple[Hiding, Looking]


def broken_remote_rules(
    config: AgentConfig, local: AgentConfig, defaults: _Least
) -> Iterator[Fault]:
    """What is wrong with a configuration whose sections came from afar.

    Args:
        config: with these sections.
        local: by the device's own file alone.
        defaults: what its section `defaults` says.
    """
    for name, stream in config.streams.items():
        for where, said in _of_stream(name, stream, local, defaults):
            yield ("streams", name, *where), said
    own = local.telemetry.prometheus
    if config.telemetry.prometheus not in (None, own):
        said = "only the device's own file says where metrics are served"
        yield ("telemetry", "prometheus"), f"{said}: it has {own or 'null'}"


def _of_stream(
    name: str, stream: StreamConfig, local: AgentConfig, defaults: _Least
) -> Iterator[Fault]:
    url, known = stream.source.url, {each.source.url for each in local.streams.values()}
    if url not in known:
        if "${" in url:
            said = "holds a secret, and no source in the device's own file is exactly this one"
            yield ("source", "url"), said
        elif "://" not in url:
            said = "only the device's own file says which files and devices are read"
            yield ("source", "url"), said
    own = local.streams.get(name)
    file = stream.sink.file
    if file is not None and (own is None or file != own.sink.file):
        yield ("sink", "file"), "only the device's own file says which files are written"
    for whose, (hide, look) in _least(name, url, local, defaults):
        for key, said in _hides_less(stream.hide, hide):
            yield ("hide", key), f"{said}, as {whose} of the device's own file"
        # The one limit of how long nobody looks: whatever `every` says, it is kept.
        if stream.look.max_gap_s > look.max_gap_s:
            said = f"should be at most {look.max_gap_s:g}"
            yield ("look", "max_gap_s"), f"{said}, as {whose} of the device's own file"


def _least(
    name: str, url: str, local: AgentConfig, defaults: _Least
) -> Iterator[tuple[str, _Least]]:
    """Whose settings in the file, and which, a stream has to keep to at least."""
    own, found = local.streams.get(name), False
    same = camera(url)
    for each, stream in local.streams.items():
        is_same = camera(stream.source.url) == same
        if each == name or (is_same and (own is None or camera(own.source.url) != same)):
            found = True
            yield f"stream {each}", (stream.hide, stream.look)
    if not found:
        yield "the section defaults", defaults


def _hides_less(hide: Hiding, least: Hiding) -> Iterator[tuple[str, str]]:
    """Settings that hide less than `least`, and what they should be."""
    if hide.classes:
        if not least.classes:
            yield "classes", "should be empty, which hides all"
        elif missing := [name for name in least.classes if name not in hide.classes]:
            yield "classes", f"should have {shortened(missing)}, too"
    if least.conf is None:  # the bundle's, which may be lower than any number here
        if hide.conf is not None:
            yield "conf", "should be null"
    elif hide.conf is None or hide.conf > least.conf:
        yield "conf", f"should be at most {least.conf:g}"
    if least.shape == "box" and hide.shape != "box":
        yield "shape", "should be box"
    if hide.margin < least.margin:
        yield "margin", f"should be at least {least.margin:g}"
