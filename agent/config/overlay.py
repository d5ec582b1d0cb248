"""Overlay: sections of a configuration that came from afar, over those of the device's own file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.config.address import without_passwords
from agent.config.document import MOST_DEPTH, MOST_LETTERS, MOST_VALUES, UNPRINTABLE, Written
from agent.config.expansion import expanded_defaults, place, plain
from agent.config.loading import Loaded, checked
from agent.config.origin import Origin
from agent.config.remote_rules import OWN_OF_UPDATE, broken_remote_rules
from agent.errors import UsageError
from agent.settings import Hiding, Looking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pydantic import JsonValue

    from agent.config.expansion import Fault

_MOST = 10
"""Keys. Chosen: what is told of them stays small, and who made more mistakes made one many times."""
_MOST_SAID = 300
"""Letters of a key, and of what is wrong with it. Chosen: three lines."""
_LARGEST = 10**18
"""Of whole numbers, as in a file. Chosen: more than the bytes of any disk."""


class UnfitError(UsageError):
    """What came from afar can't be.

    Attributes:
        errors: what is wrong, by key, as in `streams.door.effect`; ten at most, without secrets.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{key}: {said}" for key, said in errors.items()))
        self.errors = dict(errors)


def overlaid(local: Loaded, sections: Mapping[str, JsonValue]) -> Loaded:
    """A configuration with whole sections in the place of its own; its `defaults` hold in them.

    Args:
        local: by the device's own file alone.
        sections: by name, as a file has them, short forms included.

    Raises:
        UnfitError: the file doesn't let these sections be replaced, or they are invalid, or say what
            nobody may say from afar.
    """
    if refused := {
        name: said for name in sections if (said := _refused(name, local.config.control.remote))
    }:
        raise UnfitError(refused)
    faults: list[Fault] = []
    reading = _Reading(faults)
    given = {name: reading.written(value, name) for name, value in sections.items()}
    if faults:
        raise _unfit(faults)
    own = local.document
    if "update" in given:
        given["update"] = _with_own(given["update"], own)
    whole = replace(own, value={**(own.value if isinstance(own.value, dict) else {}), **given})
    config, full, faults = checked(whole, local.folder, None)  # no secret that the file has not
    if config is not None:
        broken = broken_remote_rules(config, local.config, _defaults(own))
        faults += ((place(full, where), said) for where, said in broken)
    if config is None or faults:
        raise _unfit(faults)
    return Loaded.of(config, full, own, local.folder)


def overridden(loaded: Loaded, paused: Collection[str]) -> Loaded:
    """A configuration some of whose streams are paused, whatever it says itself."""
    streams, origins = dict(loaded.config.streams), dict(loaded.origins)
    for name in streams.keys() & set(paused):
        streams[name] = streams[name].model_copy(update={"paused": True})
        origins[f"streams.{name}.paused"] = Origin("override")
    config = loaded.config.model_copy(update={"streams": streams})
    return replace(loaded, config=config, origins=origins)


def _refused(name: str, remote: Iterable[str]) -> str:
    if name not in remote:
        return "control.remote in the device's own file doesn't name it"
    return ""


def _with_own(update: Written, document: Written) -> Written:
    """A section `update` with what only the device's own file may say, where it says nothing of it."""
    sections = document.value if isinstance(document.value, dict) else {}
    own = sections.get("update")
    if own is None or not isinstance(own.value, dict) or not isinstance(update.value, dict):
        return update
    kept = {name: own.value[name] for name in OWN_OF_UPDATE if name in own.value}
    return replace(update, value={**kept, **update.value})


def _defaults(document: Written) -> tuple[Hiding, Looking]:
    """What the section `defaults` of a file says of hiding and looking.

    Raises:
        UnfitError: it is invalid.
    """
    sections = expanded_defaults(document)
    hide, look = (
        json.dumps(plain(sections[name])) if name in sections else "{}" for name in ("hide", "look")
    )
    try:
        return (
            Hiding.model_validate_json(hide, strict=True),
            Looking.model_validate_json(look, strict=True),
        )
    except ValidationError as error:
        said = "invalid in the device's own file, which doesn't show while all its streams say otherwise"
        raise UnfitError({"defaults": said}) from error


def _unfit(faults: Iterable[Fault]) -> UnfitError:
    errors: dict[str, str] = {}
    for written, said in faults:
        shown = without_passwords(said)[:_MOST_SAID]
        key = without_passwords(written.key)[:_MOST_SAID]
        if key in errors:
            shown = f"{errors[key]}; {shown}"[:_MOST_SAID]
        if key in errors or len(errors) < _MOST:
            errors[key] = shown
    return UnfitError(errors)


class _Reading:
    """JSON into what could stand in a file."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults, self._left = faults, MOST_VALUES

    def written(self, value: JsonValue, key: str, depth: int = 0) -> Written:
        self._left -= 1
        if depth > MOST_DEPTH or self._left < 0:
            return self._fault(key, "holds more than a configuration ever does")
        if isinstance(value, dict):
            if any(not 0 < len(name) <= MOST_LETTERS or UNPRINTABLE.search(name) for name in value):
                return self._fault(key, "has a key that is no plain word")
            entries = {
                name: self.written(each, f"{key}.{name}", depth + 1) for name, each in value.items()
            }
            return Written(entries, key, None)
        if isinstance(value, list):
            items = [
                self.written(each, f"{key}.{index}", depth + 1) for index, each in enumerate(value)
            ]
            return Written(items, key, None)
        if isinstance(value, str) and UNPRINTABLE.search(value):
            return self._fault(key, "has several lines, or a character that can't be printed")
        if isinstance(value, int) and abs(value) > _LARGEST:
            return self._fault(key, "is too large a number")
        return Written(value, key, None)

    def _fault(self, key: str, said: str) -> Written:
        nothing = Written(None, key, None)
        self._faults.append((nothing, said))
        return nothing
