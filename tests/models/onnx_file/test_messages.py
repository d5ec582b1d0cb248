"""Which messages lead to tensors, beside what `onnx` itself knows of its format."""

from typing import get_args

import onnx
import pytest

from models.onnx_file.messages import PARTS, Kind, every_field
from models.onnx_file.wire import DamagedOnnxError, bytes_header


def descriptors():
    """Every message that an ONNX file can hold."""
    found, waiting = {}, [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.name not in found:
            found[message.name] = message
            waiting += [field.message_type for field in message.fields if field.message_type]
    return found


def leading(messages):
    """Names of those that lead to a tensor or a node, these included."""
    names, before = {"TensorProto", "NodeProto"}, set()
    while names != before:
        before = set(names)
        for name, message in messages.items():
            if any(f.message_type and f.message_type.name in names for f in message.fields):
                names.add(name)
    return names


def test_the_table_knows_every_way_to_a_tensor():
    messages = descriptors()
    lead = leading(messages)
    expected = {
        name: {
            field.number: field.message_type.name
            for field in messages[name].fields
            if field.message_type and field.message_type.name in lead
        }
        for name in lead
    }
    assert expected == PARTS
    assert set(get_args(Kind)) == lead


def test_messages_without_end_are_refused():
    """Graphs in attributes of nodes of graphs, deeper than any parser follows."""
    attribute = b""
    for _ in range(200):
        node = bytes_header(5, len(attribute)) + attribute
        graph = bytes_header(1, len(node)) + node
        attribute = bytes_header(6, len(graph)) + graph
    node = bytes_header(5, len(attribute)) + attribute
    graph = bytes_header(1, len(node)) + node
    with pytest.raises(DamagedOnnxError, match="nests more than 100"):
        list(every_field(bytes_header(7, len(graph)) + graph))
