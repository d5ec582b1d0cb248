"""Remote rules: what a configuration from afar may not say, whoever sent it.

The device's own file bounds it. What is sent may hide more, look at other cameras and record less.
It never hides less than the file, looks away for longer, decodes with less care, opens what the file
pauses, reads or writes a file that the file doesn't name, uses a secret elsewhere than where the file
does, serves metrics elsewhere, or takes models from where the file doesn't. Effects are the exception: what bounds them is `floor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.config.address import camera
from models.classes import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.tree import AgentConfig, StreamConfig, UpdateConfig
    from agent.settings import Hiding, Looking

    Fault = tuple[tuple[str, ...], str]
    """Path of a setting, and what is wrong with it."""
    _Least = tuple[Hiding, Looking]

MOST_STREAMS = 64
"""Each has threads of its own. Chosen, not measured: eight times what a device has cores for; three
thousand, which fit into a message, would end it at every start."""


OWN_OF_UPDATE = ("repository", "root")
"""Of the section `update`: where models come from, and whose signatures count there."""


def broken_remote_rules(
    config: AgentConfig, local: AgentConfig, defaults: _Least
) -> Iterator[Fault]:
    """What is wrong with a configuration whose sections came from afar.

    Args:
        config: with these sections.
        local: by the device's own file alone.
        defaults: what its section `defaults` says.
    """
    if len(config.streams) > max(MOST_STREAMS, len(local.streams)):
        yield ("streams",), f"are {len(config.streams)}, and from afar at most {MOST_STREAMS}"
        return
    for name, stream in config.streams.items():
        for where, said in _of_stream(name, stream, local, defaults):
            yield ("streams", name, *where), said
    own = local.telemetry.prometheus
    if config.telemetry.prometheus not in (None, own):
        said = "only the device's own file says where metrics are served"
        yield ("telemetry", "prometheus"), f"{said}: it has {own or 'null'}"
    yield from _of_update(config.update, local.update)


def _of_update(update: UpdateConfig | None, own: UpdateConfig | None) -> Iterator[Fault]:
    said = "only the device's own file says where models come from"
    if update is None:
        return
    if own is None:
        yield ("update",), f"{said}: it has no such section"
    else:
        for name in OWN_OF_UPDATE:
            if getattr(update, name) != getattr(own, name):
                yield ("update", name), f"{said}: it has {getattr(own, name)}"


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
    least = {each: local.streams[each] for each in _bounding(name, url, local)}
    for each, held in least.items():
        if held.paused and not stream.paused:
            yield ("paused",), f"should be true, as stream {each} of the device's own file"
    bounds = {f"stream {each}": (held.hide, held.look) for each, held in least.items()}
    for whose, (hide, look) in (bounds or {"the section defaults": defaults}).items():
        for key, said in _hides_less(stream.hide, hide):
            yield ("hide", key), f"{said}, as {whose} of the device's own file"
        # The one limit of how long nobody looks: whatever `every` says, it is kept.
        if stream.look.max_gap_s > look.max_gap_s:
            said = f"should be at most {look.max_gap_s:g}"
            yield ("look", "max_gap_s"), f"{said}, as {whose} of the device's own file"
    # It alone leaves out what is damaged; others fill it in, and say nothing.
    if stream.source.decoder != "pyav":
        for each, held in least.items():
            if held.source.decoder == "pyav":
                said = f"should be pyav, as stream {each} of the device's own file"
                yield ("source", "decoder"), said


def _bounding(name: str, url: str, local: AgentConfig) -> list[str]:
    """The file's streams to whose settings a stream has to keep at least.

    They are its own, and those of its camera, unless that is its own, too. Of a camera that the
    file doesn't know they are those of its host: many a server sends one picture for any path.
    """
    cameras = {each: camera(stream.source.url) for each, stream in local.streams.items()}
    same = camera(url)
    if cameras.get(name) == same:
        return [name]
    alike = [each for each in cameras if cameras[each] == same]
    alike = alike or [each for each in cameras if cameras[each][0] == same[0]]
    return [each for each in cameras if each == name or each in alike]


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
