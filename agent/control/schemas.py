"""Schemas: JSON Schema of everything that is said over MQTT, for those who write in other languages."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from agent.control.messages import Ordered, Signed
from agent.control.ops import OPS
from agent.control.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.control.ops import Op

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = "What Sfumato's devices say and are told over MQTT: docs/mqtt.md says where"


def schema() -> dict[str, Any]:
    """All messages and all commands' arguments, each below `$defs` by its name.

    What a device is told is described as it judges it, what it tells as it writes it: there every
    field stands, also one that has a default.
    """
    told = {topic.model for topic in TOPICS if topic.direction == "up"}
    ordered = {topic.model for topic in TOPICS if topic.direction == "down"} | {Signed}
    ordered |= {op.args for op in OPS.values()}
    ...
