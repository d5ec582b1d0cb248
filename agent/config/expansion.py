"""Expansion: the short forms of a configuration, written out in full.

model: FILE, trust: FILE         model: {bundle: FILE, trust: [FILE]}
mqtt: HOST                       mqtt: {host: HOST}
door: URL                        door: {source: {url: URL}}; so `door: {source: URL}`
door: {effect: solid}            door: {hide: {effect: solid}}; so every setting of a stream
defaults: {effect: solid}        the same, in every stream that doesn't say otherwise
trust: FILE, classes: a, b       lists
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.config.document import Written
from agent.config.tree import SinkConfig, SourceConfig
from agent.settings import Hiding, Looking
from models.classes import split_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.strict_model import StrictModel

SECTIONS: dict[str, type[StrictModel]] = {
    "source": SourceConfig,
    "sink": SinkConfig,
    "hide": Hiding,
    "look": Looking,
}
"""Of a stream."""

SHORT = {
    name: section
    for section, kind in SECTIONS.items()
    for name in kind.model_fields
    if name != "url"  # which `source` itself stands for
}
"""What may stand directly in a stream and in `defaults`, and the section that it belongs to."""

_DEFAULTS = "defaults"

Fault = tuple[Written, str]
"""What is written, and what is wrong with it."""


def expanded(document: Written) -> tuple[Written, list[Fault]]:
    """A configuration in full, as `AgentConfig` has it if nothing is wrong, and what is wrong.

    Every value keeps the key and the line that it was written with.
    """
    faults: list[Fault] = []
    top = dict(_entries(document) or {})
    trust = top.pop("trust", None)
    defaults = _stream(top.pop(_DEFAULTS, Written({}, _DEFAULTS, 1)), faults)
    if not isinstance(defaults.value, dict):
        faults.append((defaults, "should be a section of `key: value` lines"))
    whole = {name: _with_entries(value) for name, value in top.items()}
    if model := top.get("model"):
        whole["model"] = _model(model, trust, faults)
    if mqtt := top.get("mqtt"):
        whole["mqtt"] = _mqtt(mqtt)
    for name in ("update", "live"):  # left empty they are none, and no sections of defaults
        if name in top:
            whole[name] = top[name]
    if isinstance(streams := whole.get("streams"), Written) and isinstance(streams.value, dict):
        full = {
            name: _overlaid(defaults, _stream(stream, faults))
            for name, stream in streams.value.items()
        }
        whole["streams"] = replace(streams, value=full)
    return replace(document, value=whole), faults


def expanded_defaults(document: Written) -> dict[str, Written]:
    """The sections of `defaults`, in full, of a document in which nothing is wrong."""
    given = (_entries(document) or {}).get(_DEFAULTS, Written({}, _DEFAULTS, 1))
    return _entries(_stream(given, [])) or {}


def is_default(written: Written) -> bool:
    """Whether it stands in the section `defaults`."""
    return written.key.partition(".")[0] == _DEFAULTS


def plain(written: Written) -> object:
    """The values alone."""
    if isinstance(written.value, dict):
        return {name: plain(each) for name, each in written.value.items()}
    if isinstance(written.value, list):
        return [plain(each) for each in written.value]
    return written.value


def found(root: Written, path: tuple[str | int, ...]) -> tuple[Written, tuple[str | int, ...]]:
    """What is written at a path or nearest above it, and the rest of the path."""
    for depth, step in enumerate(path):
        if isinstance(root.value, dict) and step in root.value:
            root = root.value[str(step)]
        elif isinstance(root.value, list) and isinstance(step, int):
            root = root.value[step]
        else:
            return root, path[depth:]
    return root, ()


def place(root: Written, path: tuple[str | int, ...]) -> Written:
    """Where something at a path is written, or would be: in the line of what is nearest above it."""
    above, rest = found(root, path)
    key = ".".join(filter(None, (above.key, *map(str, rest))))
    return replace(above, key=key)


def texts(root: Written, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Written]]:
    """Every text with its path."""
    if isinstance(root.value, dict):
        for name, each in root.value.items():
            yield from texts(each, (*path, name))
    elif isinstance(root.value, list):
        for index, each in enumerate(root.value):
            yield from texts(each, (*path, str(index)))
    elif isinstance(root.value, str):
        yield path, root


def _entries(written: Written) -> dict[str, Written] | None:
    """What a mapping holds, nothing where it was left empty; None if it is something else."""
    if written.value is None:
        return {}
    return written.value if isinstance(written.value, dict) else None


def _with_entries(written: Written) -> Written:
    """A section that was left empty is an empty section."""
    return replace(written, value={}) if written.value is None else written


def _model(model: Written, trust: Written | None, faults: list[Fault]) -> Written:
    given = {"bundle": model} if isinstance(model.value, str) else _entries(model)
    if given is None:
        return model
    section = _Section(faults)
    for name, value in given.items():
        section.put(name, value)
    if trust is not None:
        section.put("trust", trust)
    return replace(model, value=section.entries)


def _mqtt(mqtt: Written) -> Written:
    """Left empty it is none, and no section whose host was forgotten."""
    return replace(mqtt, value={"host": mqtt}) if isinstance(mqtt.value, str) else mqtt


def _stream(stream: Written, faults: list[Fault]) -> Written:
    """A stream, or `defaults`, in sections."""
    given = {"source": stream} if isinstance(stream.value, str) else _entries(stream)
    if given is None:
        return stream
    sections: dict[str, _Section] = {}
    heads: dict[str, Written] = {}
    rest: dict[str, Written] = {}
    for name, value in given.items():
        inner = {"url": value} if name == "source" and isinstance(value.value, str) else None
        if name in SECTIONS:
            inner = inner or _entries(value)
            heads[name] = value
        elif name in SHORT:
            inner = {name: value}
        if inner is None:
            rest[name] = value
            continue
        section = sections.setdefault(SHORT.get(name, name), _Section(faults))
        for key, each in inner.items():
            section.put(key, each)
    whole = {
        name: replace(heads.get(name, stream), value=section.entries)
        for name, section in sections.items()
    }
    return replace(stream, value={**whole, **rest})


class _Section:
    """Entries that come from several places, each at most once."""

    def __init__(self, faults: list[Fault]) -> None:
        self.entries: dict[str, Written] = {}
        self._faults = faults

    def put(self, name: str, written: Written) -> None:
        if name in self.entries:
            other = self.entries[name]
            line = f" in line {other.line}" if other.line else ""
            self._faults.append((written, f"stands as {other.key}{line}, too"))
        try:
            self.entries[name] = _as_list(name, written)
        except ValueError as error:
            self._faults.append((written, str(error)))


def _as_list(name: str, written: Written) -> Written:
    """A list that was written as one text.

    Raises:
        ValueError: its names can't be told from each other.
    """
    if name not in ("classes", "trust") or not isinstance(written.value, str):
        return written
    names = split_names(written.value) if name == "classes" else (written.value,)
    return replace(written, value=[replace(written, value=each) for each in names])


def _overlaid(below: Written, above: Written) -> Written:
    """A section over the same section of `defaults`."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    both = {
        name: _overlaid(below.value[name], each) if name in below.value else each
        for name, each in above.value.items()
    }
    return replace(above, value={**below.value, **both})
