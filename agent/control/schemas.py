"""Schemas: JSON Schema of all that is said over MQTT, for those who write in other languages."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from agent.control.messages import Signed
from agent.control.ops import OPS
from agent.control.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

_Mode = Literal["serialization", "validation"]

_MODE: dict[str, _Mode] = {"up": "serialization", "down": "validation"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = "What Sfumato's devices tell and are told over MQTT; docs/mqtt.md says where"


class _Untitled(GenerateJsonSchema):
    """Without what pydantic makes of fields' names, where the names stand already."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 of all fields alike
        return False


def schema() -> dict[str, Any]:
    """Each message, and each command's arguments, below `$defs` by its name.

    What is told allows more than it describes, what orders something does not.
    """
    said: list[tuple[type[BaseModel], _Mode]] = [
        *((topic.model, _MODE[topic.direction]) for topic in TOPICS),
        *((op.args, "validation") for op in OPS.values()),
        (Signed, "validation"),
    ]
    _, described = models_json_schema([*dict.fromkeys(said)], schema_generator=_Untitled)
    return {"$schema": _DIALECT, "title": _TITLE, **described}


def schema_text() -> str:
    """As a file has it."""
    return f"{json.dumps(schema(), indent=2)}\n"


@cache
def schema_digest() -> str:
    """SHA-256 of the schema: two devices with the same one speak the same. Hexadecimal."""
    return _digest(schema())


def args_digests(ops: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each op's arguments' own schema, hexadecimal."""
    return {name: _args_digest(name) for name in ops}


@cache
def _args_digest(op: str) -> str:
    return _digest(OPS[op].args.model_json_schema(schema_generator=_Untitled))


def _digest(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
