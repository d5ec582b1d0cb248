"""Messages: which fields of an ONNX file lead to tensors and to nodes.

`tests/models/onnx_file/test_messages.py` compares the table with `onnx`'s own description of the
format (`onnx/onnx-ml.proto`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models.onnx_file.wire import BYTES, DamagedOnnxError, fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.onnx_file.wire import Field

Kind = Literal[
    "ModelProto",
    "TrainingInfoProto",
    "FunctionProto",
    "GraphProto",
    "NodeProto",
    "AttributeProto",
    "SparseTensorProto",
    "TensorProto",
]

PARTS: Mapping[Kind, Mapping[int, Kind]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
"""By message: the fields that hold another message in which a tensor or a node may stand."""

_MAX_DEPTH = 100
"""Messages within messages: protobuf's own limit."""


def part_of(kind: Kind, field: Field) -> Kind | None:
    """What message a field of a message of `kind` holds; None where none that matters."""
    return PARTS[kind].get(field.number) if field.kind == BYTES else None


def every_field(model: bytes) -> Iterator[tuple[Kind, Field]]:
    """The fields of all messages of an ONNX file that `PARTS` leads to, with what they are fields of.

    Raises:
        DamagedOnnxError: it is damaged, or no ONNX file.
    """
    waiting: list[tuple[Kind, memoryview, int]] = [("ModelProto", memoryview(model), 1)]
    while waiting:
        kind, message, depth = waiting.pop()
        parts = PARTS[kind]
        for field in fields(message):
            yield kind, field
            if field.number in parts and (part := part_of(kind, field)):
                if depth == _MAX_DEPTH:
                    raise DamagedOnnxError(f"it nests more than {_MAX_DEPTH} messages")
                waiting.append((part, field.content, depth + 1))
