"""EngineFile: an engine and what it was made for and of, in one file.

    magic (8 bytes) · length of the header (4, little endian) · header (JSON) · TensorRT's plan

What reads it runs nothing: a plan is code of TensorRT's maker, so who loads one has to know where
it comes from. The digest in the header finds damage; it proves no origin.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from pydantic import Field, ValidationError

from models.errors import EngineError
from models.manifest import MAX_MODEL_BYTES, Sha256
from models.runtime.engine_key import EngineKey  # noqa: TC001 pydantic reads it
from models.strict_model import StrictModel

SUFFIX = ".engine"

_MAGIC = b"SFENGINE"
_BEGIN = struct.Struct("<8sI")

MAX_HEADER_BYTES = 16 << 10
"""Chosen, not measured: ten times what is written."""


class _Header(StrictModel):
    key: EngineKey
    plan_bytes: int = Field(gt=0, le=MAX_MODEL_BYTES)
    plan_sha256: Sha256


@dataclass(frozen=True, slots=True)
class EngineFile:
    """An engine.

    Attributes:
        key: what it was made for and of.
        plan: what TensorRT makes a network of.
    """

    key: EngineKey
    plan: bytes

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads."""
        digest = hashlib.sha256(self.plan).hexdigest()
        header = _Header(key=self.key, plan_bytes=len(self.plan), plan_sha256=digest)
        data = header.model_dump_json().encode()
        return _BEGIN.pack(_MAGIC, len(data)) + data + self.plan

    @classmethod
    def from_bytes(cls, data: bytes) -> EngineFile:
        """Read what `to_bytes` wrote.

        Raises:
            EngineError: it is something else, or damaged.
        """
        header, begin = _header(data)
        plan = data[begin:]
        if len(plan) != header.plan_bytes or hashlib.sha256(plan).hexdigest() != header.plan_sha256:
            raise EngineError("the engine is damaged; build it anew")
        return cls(header.key, plan)


def key_of_engine(begin: bytes) -> EngineKey:
    """The key of an engine whose file begins so.

    Raises:
        EngineError: it is no engine's, or damaged.
    """
    return _header(begin)[0].key


def _header(data: bytes) -> tuple[_Header, int]:
    """The header, and where the plan begins."""
    if len(data) < _BEGIN.size:
        raise EngineError("no engine, or cut short; `sfumato engine build` writes one")
    magic, length = _BEGIN.unpack(data[: _BEGIN.size])
    if magic != _MAGIC or length > MAX_HEADER_BYTES:
        raise EngineError("no engine of Sfumato's; `sfumato engine build` writes one")
    end = _BEGIN.size + length
    try:
        return _Header.model_validate_json(data[_BEGIN.size : end]), end
    except ValidationError as error:
        raise EngineError("the engine's header can't be read; build it anew") from error
