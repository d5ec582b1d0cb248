"""Faults: what is wrong with a configuration, each in one line with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from agent.config.address import without_passwords
from agent.config.expansion import SHORT, Fault, found, place
from agent.config.tree import AgentConfig, StreamConfig
from models.classes import nearest, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from agent.config.document import Written

_MOST = 10
"""Lines. Chosen: a screen's half; who made more mistakes made one of them many times."""

_MOST_SHOWN = 60
"""Letters of a value. Chosen: enough to find it by."""

_SECTION = "should be a section of `key: value` lines"
_KINDS = {
    "bool_type": "should be true or false",
    "dict_type": _SECTION,
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "model_type": _SECTION,
    "string_type": "should be a text; put it in quotes",
    "too_short": "should have at least one",
    "tuple_type": "should be a list, as in [a, b]",
}
"""Where pydantic speaks of JSON."""


def listed(path: Path, faults: Iterable[Fault]) -> str:
    """Faults as lines, in the file's order, each once; there is at least one."""
    lines = {
        (written.line or 0, f"{path}:{written.line}: {_of(written, said)}")
        for written, said in faults
    }
    every = [without_passwords(line) for _, line in sorted(lines)]
    more = [f"{path}: and {len(every) - _MOST} more"] if len(every) > _MOST else []
    return "\n".join([*every[:_MOST], *more])


def faults_of(error: ValidationError, whole: Written) -> Iterator[Fault]:
    """What pydantic found wrong in `whole`, each with what is written there."""
    values: dict[tuple[int | None, str, bool], list[ErrorDetails]] = {}
    for each in error.errors(include_url=False):
        written, _ = found(whole, each["loc"])
        if each["type"] == "missing":
            yield place(whole, each["loc"]), "has to be given"
        elif each["type"] == "extra_forbidden":
            yield written, _unknown(tuple(map(str, each["loc"])))
        else:
            of_name = each["loc"][-1] == "[key]"
            values.setdefault((written.line, written.key, of_name), []).append(each)
    for several in values.values():
        written, _ = found(whole, several[0]["loc"])
        yield written, _wrong(written, several)


def _of(written: Written, said: str) -> str:
    return f"{written.key}: {said}" if written.key else said


def _unknown(path: tuple[str, ...]) -> str:
    """What to say of a key that there isn't."""
    name = path[-1]
    if len(path) == 1 and name in SHORT:
        return f"is a stream's; did you mean 'defaults.{name}'?"
    known = _known_at(path[:-1])
    close = nearest(name, known)
    hint = f"did you mean '{close}'?" if close else f"there are {shortened(known, 8)}"
    return f"there is no such key; {hint}"


def _wrong(written: Written, several: list[ErrorDetails]) -> str:
    """What a value should be; one that may be of several kinds has an error for each."""
    first, *others = (
        _KINDS.get(each["type"])
        or each["msg"].removeprefix("Value error, ").replace("Input should", "should", 1)
        for each in several
    )
    said = " or ".join([first, *(other.removeprefix("should be ") for other in others)])
    where = several[0]["loc"]
    may_be_secret = where[0] == "mqtt" or where[2:4] == ("source", "url")
    if may_be_secret or written.value is None or isinstance(written.value, (dict, list)):
        return said
    shown = repr(written.value)
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
    return f"{shown}: {said}"


def _known_at(path: tuple[str, ...]) -> list[str]:
    """Keys that may stand in the section at a path."""
    if not path:
        return [*AgentConfig.model_fields, "trust", "defaults"]
    kind: Any = AgentConfig
    if path[0] == "streams":
        kind, path = StreamConfig, path[2:]
        if not path:
            return [*StreamConfig.model_fields, *SHORT]
    for step in path:
        kind = _model_in(kind.model_fields[step].annotation)
    return [*kind.model_fields]


def _model_in(annotation: Any) -> Any:
    """The model that a field holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
