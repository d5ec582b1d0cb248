"""OpArgs: the words `key=value` of a command line become what an op takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.ops import OPS
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue


def op_args(op: str, words: Sequence[str]) -> dict[str, JsonValue]:
    """What to send as a command's `args`; what was not said is left to the device's default.

    Raises:
        UsageError: there is no such op, or a word is none of its arguments, or is not valid.
    """
    if op not in OPS:
        raise UsageError(f"{op}: no such command; there are {', '.join(OPS)}")
    model = OPS[op].args
    given: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in model.model_fields:
            raise UsageError(f"{op} takes no {key}=; it takes {_takes(op)}")
        if key in given:
            raise UsageError(f"{op}: {key}= is given twice")
        given[key] = value
    try:
        args = model.model_validate_strings(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        if first["type"] == "missing":
            raise UsageError(f"{op} needs {key}=; it takes {_takes(op)}") from error
        raise UsageError(f"{op}: {key}={given[key]}: {first['msg']}") from error
    dumped: dict[str, JsonValue] = args.model_dump(mode="json", exclude_unset=True)
    return dumped


def described() -> str:
    """All ops with what they do and take, a line each and one for each argument."""
    lines = []
    for name, op in OPS.items():
        lines.append(f"  {name:<11}{op.help} ({op.role})")
        for key, field in op.args.model_fields.items():
            said = field.description or ""
            if not field.is_required() and field.default is not None:
                said = f"{said}; default {field.default}".removeprefix("; ")
            elif field.is_required():
                said = f"{said}; required".removeprefix("; ")
            lines.append(f"               {key}=  {said}")
    return "\n".join(lines)


def _takes(op: str) -> str:
    return ", ".join(f"{key}=" for key in OPS[op].args.model_fields) or "no arguments"
