"""Schema: JSON Schema of a configuration as people write it, short forms included, for editors."""

from __future__ import annotations

from typing import Any

from agent.config.expansion import SECTIONS, SHORT
from agent.config.tree import AgentConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFAULTS = "for all streams, where a stream doesn't say otherwise"


def schema() -> dict[str, Any]:
    """What a file may hold; rules between settings are left to `sfumato config check`."""
    whole: dict[str, Any] = _without_titles(AgentConfig.model_json_schema())
    properties, parts = whole["properties"], whole["$defs"]
    for part, name in (("Hiding", "classes"), ("ModelConfig", "trust")):
        parts[part]["properties"][name] = _or_text(parts[part]["properties"][name])
    properties["model"] = _or_text(properties["model"])
    host, _null = parts["MqttConfig"]["properties"]["host"]["anyOf"]
    properties["mqtt"] = _or_text(properties["mqtt"], host)
    properties["trust"] = {"$ref": "#/$defs/ModelConfig/properties/trust"}

    short = {
        name: {"$ref": f"#/$defs/{SECTIONS[section].__name__}/properties/{name}"}
        for name, section in SHORT.items()
    }
    stream = parts["StreamConfig"]
    stream["properties"] = {**stream["properties"], **short}
    stream["properties"]["source"] = _or_text(stream["properties"]["source"])
    (pattern,) = properties["streams"]["patternProperties"]
    of_stream = properties["streams"]["patternProperties"][pattern]
    properties["streams"]["patternProperties"] = {pattern: _or_text(of_stream)}
    properties["streams"]["additionalProperties"] = False

    source = {name: short[name] for name in short if SHORT[name] == "source"}  # one has no url
    shared = {**stream["properties"], "source": _object(source)}
    parts["Defaults"] = {"description": _DEFAULTS, **_object(shared)}
    properties["defaults"] = {"$ref": "#/$defs/Defaults"}
    return {"$schema": _DIALECT, **whole}


def _or_text(full: dict[str, Any], text: dict[str, Any] | None = None) -> dict[str, Any]:
    """What may be written as one text, too."""
    said: dict[str, Any] = {
        key: full[key] for key in ("description", "default", "examples") if key in full
    }
    bare = {key: value for key, value in full.items() if key not in said}
    return {"anyOf": [text or {"type": "string"}, bare], **said}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _without_titles(part: Any) -> Any:
    """Without what pydantic makes of names, where the names stand already."""
    if isinstance(part, dict):
        return {
            key: _without_titles(value)
            for key, value in part.items()
            if key != "title" or not isinstance(value, str)
        }
    return [*map(_without_titles, part)] if isinstance(part, list) else part
