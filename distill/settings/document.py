"""A YAML file, read safely into one pydantic tree."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from distill.errors import UsageError
from distill.files import reading
from models.classes import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_MAX_BYTES = 1 << 20  # a settings file is a page or two


class Strict(BaseModel):
    """Settings: nothing unknown, nothing changed later, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Settings = TypeVar("Settings", bound=Strict)


def read_document(path: Path, kind: type[Settings]) -> Settings:
    """Settings of a YAML file; relative paths in it mean "beside this file".

    Raises:
        UsageError: the file can't be read, is no YAML, has a key twice, or a value is off; the
            message names the file, the dotted path and the value.
    """
    with reading(path, UsageError), path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: larger than a settings file ever is; is it the right file?")
    try:
        content = yaml.load(data, Loader=_Loader)  # noqa: S506 _Loader is a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no valid YAML: {_one_line(error)}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds no settings; it must start with 'name: value' lines")
    try:
        return kind.model_validate(content, context={"folder": path.parent})
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error, kind)}") from error


def first_fault(error: ValidationError, kind: type[Settings]) -> str:
    """The first thing that is off, as `dotted.path: value: reason`.

    Args:
        error: what pydantic found.
        kind: the settings that it looked for.
    """
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    reason = fault["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "extra_forbidden":
        *path, name = fault["loc"]
        close = nearest(str(name), _settings_at(kind, path))
        hint = f"; there is '{close}'" if close else ""
        return f"{where}: there is no such setting{hint}{more}"
    if fault["type"] == "missing":
        return f"{where}: has to be given{more}"
    if isinstance(fault["input"], dict | BaseModel):  # a rule between fields, which names them
        return f"{where}: {reason}{more}" if where else f"{reason}{more}"
    return f"{where}: {fault['input']!r}: {reason}{more}"


def _settings_at(kind: Any, path: Iterable[str | int]) -> list[str]:
    """Names of the settings in the part of a tree that a path leads to."""
    part = kind
    for step in path:
        if isinstance(step, str):  # numbers are places in a list, whose parts are all alike
            part = _model_in(part.model_fields[step].annotation)
    return [*part.model_fields]


def _model_in(annotation: Any) -> Any:
    """The model that an annotation is made of, such as that of `tuple[Stage, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def first_change(before: Settings, now: Settings, free: Sequence[str] = ()) -> str | None:
    """What differs first between two settings, in words; None where nothing does.

    Args:
        before: as they were.
        now: as they are.
        free: top-level settings that may differ.
    """
    old, new = (settings.model_dump(mode="json", exclude={*free}) for settings in (before, now))
    found = _change(old, new)
    return "{}: {}, now it is {}".format(*found) if found else None


def _change(old: Any, new: Any, where: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = ((key, f"{where}.{key}" if where else key) for key in {**old, **new})
        pairs = [(old.get(key), new.get(key), place) for key, place in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(*pair, f"{where}.{i}") for i, pair in enumerate(zip(old, new, strict=True))]
    else:
        return None if old == new else (where, old, new)
    return next((found for pair in pairs if (found := _change(*pair))), None)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key that stands there twice, where YAML itself keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is no plain word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())
