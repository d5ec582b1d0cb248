"""Loading: a file becomes an `AgentConfig`, or says everything that is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.config.document import read_document
from agent.config.expansion import Fault, expanded, found, is_default, place, plain, texts
from agent.config.faults import faults_of, listed
from agent.config.origin import BUILT_IN, Origin
from agent.config.rules import broken_rules
from agent.config.tree import AgentConfig, leaves
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from agent.config.document import Written
    from agent.config.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration in full.

    Attributes:
        origins: where each value came from, by its dotted path, as in `streams.door.hide.effect`.
        document: the device's own file, as it was written.
        folder: that relative paths in it are relative to.
    """

    config: AgentConfig
    origins: Mapping[str, Origin]
    document: Written = field(repr=False)
    folder: Path

    @classmethod
    def of(cls, config: AgentConfig, whole: Written, document: Written, folder: Path) -> Loaded:
        """A configuration that was made of `whole`."""
        origins = {".".join(where): _origin(whole, where) for where, _ in leaves(config)}
        return cls(config, origins, document, folder)


def load(path: Path, secrets: Secrets | None) -> Loaded:
    """Read a configuration; relative paths in it are relative to it.

    Args:
        path: a YAML file.
        secrets: what `${...}` stands for; every one is looked up, and forgotten but for what is to
            be hidden. None where nothing will be opened, and nothing is looked up.

    Raises:
        UsageError: something is wrong; each line of the message is `FILE:LINE: key: what`, ten at
            most. No value of a source's URL and none of `mqtt` is shown.
    """
    document = read_document(path)
    config, whole, faults = checked(document, path.parent, secrets)
    if config is None or faults:
        raise UsageError(listed(path, faults))
    return Loaded.of(config, whole, document, path.parent)


def checked(
    document: Written, folder: Path, secrets: Secrets | None
) -> tuple[AgentConfig | None, Written, list[Fault]]:
    """A configuration if there is one, what it was made of, and what is wrong with it."""
    whole, faults = expanded(document)
    faults += _misplaced_secrets(whole)
    try:
        config = AgentConfig.model_validate_json(
            json.dumps(plain(whole)),  # where a list may be a tuple, and yet no text is a number
            strict=True,
            context={"folder": folder},
        )
    except ValidationError as error:
        return None, whole, [*faults, *faults_of(error, whole)]
    faults += ((place(whole, where), said) for where, said in broken_rules(config))
    if secrets is not None:
        faults += _unfilled(config, whole, secrets)
    return config, whole, faults


def line_of(path: Path, loaded: Loaded, key: str) -> str:
    """`FILE:LINE: key`, where the value of a dotted key was written; without a line if nowhere."""
    line = loaded.origins[key].line
    return f"{path}:{line}: {key}" if line else f"{path}: {key}"


def _misplaced_secrets(whole: Written) -> Iterator[Fault]:
    for where, written in texts(whole):
        if "${" in str(written.value) and not _may_be_secret(where):
            said = "a secret, ${...}, stands in a source's URL, mqtt.key or mqtt.password, and nowhere else"
            yield written, said


def _may_be_secret(where: tuple[str, ...]) -> bool:
    is_url = (where[0], *where[2:]) == ("streams", "source", "url")
    return is_url or where in (("mqtt", "key"), ("mqtt", "password"))


def _unfilled(config: AgentConfig, whole: Written, secrets: Secrets) -> Iterator[Fault]:
    uses: list[tuple[tuple[str, ...], Callable[[str], object], str | None]] = [
        (("streams", name, "source", "url"), secrets.fill, stream.source.url)
        for name, stream in config.streams.items()
    ]
    if config.mqtt is not None:
        uses.append((("mqtt", "key"), secrets.path_of, config.mqtt.key))
        uses.append((("mqtt", "password"), secrets.value_of, config.mqtt.password))
    for where, use, template in uses:
        try:
            if template is not None:
                use(template)
        except UsageError as error:
            yield place(whole, where), str(error)


def _origin(whole: Written, where: tuple[str, ...]) -> Origin:
    written, rest = found(whole, where)
    if rest:
        return BUILT_IN
    if written.line is None:
        return Origin("remote")
    return Origin("defaults" if is_default(written) else "file", written.line)
