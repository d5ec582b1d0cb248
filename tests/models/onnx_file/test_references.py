"""Nothing that a network would read from elsewhere stays unseen."""

import onnx
import onnxruntime
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from models.errors import ModelError
from models.onnx_file.references import outside_reference
from models.onnx_file.wire import DamagedOnnxError
from models.runtime.onnxruntime import OnnxRuntimeNetwork, session_options
from tests.models.onnx_file.places import LOCATION, PLACES, VALUES, inside, model_of, outside


@pytest.mark.parametrize("place", PLACES)
def test_weights_elsewhere_are_found_wherever_they_are_named(place):
    found = outside_reference(PLACES[place](outside()).SerializeToString())
    assert found == f"keeps its weights in another file ({LOCATION!r})"
    assert outside_reference(PLACES[place](inside()).SerializeToString()) is None


@pytest.mark.parametrize(
    "end",
    [
        b"\x70\x01",
        b"\xf0\x00\x01",  # a longer way to write the field's number
        b"\x70\x81\x80\x80\x80\x10",  # 2**32 + 1, which protobuf cuts to 1
        b"\x70\x02",
        b"\x70\x00\x70\x01",
        b"\x6a\x02\x0a\x00",  # a place that is named, though not said to be used
    ],
)
def test_however_it_is_written(end):
    """What a parser may take for "external" is refused, whatever ours would make of it."""
    tensor = TensorProto(name="w", dims=[1], data_type=1).SerializeToString() + end
    model = model_of()
    model.graph.initializer.append(inside())
    data = model.SerializeToString()
    before = inside().SerializeToString()
    graph = model.graph.SerializeToString()
    longer = graph.replace(b"\x2a" + _length(before) + before, b"\x2a" + _length(tensor) + tensor)
    data = data.replace(_length(graph) + graph, _length(longer) + longer)
    assert outside_reference(data)


def _length(data):
    size, out = len(data), b""
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size])


SEEDS = [place(outside()).SerializeToString() for place in PLACES.values()]


def tensors(message):
    """Every tensor in what `onnx` read."""
    if isinstance(message, TensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from tensors(each)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))))
def test_whatever_bytes_are_changed_nothing_that_onnx_sees_stays_unseen(data, changes):
    changed = bytearray(data)
    for place, value in changes[:4]:
        changed[min(int(place * len(data)), len(data) - 1)] = value
    try:
        read = onnx.ModelProto.FromString(bytes(changed))
    except DecodeError:
        return
    try:
        found = outside_reference(bytes(changed))
    except DamagedOnnxError:
        return  # then no runtime gets it, either
    elsewhere = any(tensor.data_location == TensorProto.EXTERNAL for tensor in tensors(read))
    assert found or not elsewhere


def test_a_network_compiled_elsewhere_is_found():
    """Such a node takes its network from a file; in a subgraph as well as in the graph."""
    node = helper.make_node(
        "EPContext", ["x"], ["y"], domain="com.microsoft", ep_cache_context="engine.bin"
    )
    inner = helper.make_graph([node], "g", [], [])
    branch = helper.make_node("If", ["c"], [], then_branch=inner)
    for nodes in ([node], [branch]):
        model = model_of(helper.make_graph(nodes, "g", [], []))
        assert "compiled for one accelerator" in outside_reference(model.SerializeToString())


def test_a_real_network_needs_nothing_else(data):
    model = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    assert outside_reference(model) is None
    with pytest.raises(DamagedOnnxError):
        outside_reference(model[:-1])


def runnable():
    """A network that a session loads if it finds `w.data` in its folder, which is full of ones."""
    model = model_of(
        helper.make_graph(
            [helper.make_node("Add", ["x", "w"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, VALUES.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, VALUES.shape)],
            [outside()],
        )
    )
    model.ir_version = 8
    return model.SerializeToString()


def test_a_session_reads_nothing_in_the_folder_it_is_in(tmp_path, monkeypatch):
    """Ours refuses to load the network; and if it did not see it, its sessions would."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / LOCATION).write_bytes(VALUES.tobytes())
    providers = ["CPUExecutionProvider"]
    onnxruntime.InferenceSession(runnable(), providers=providers)  # what all this is about
    with pytest.raises(ModelError, match=r"another file \('w\.data'\); only what is in a bundle"):
        OnnxRuntimeNetwork(runnable())
    with pytest.raises(Exception, match=r"(?i)external data"):
        onnxruntime.InferenceSession(runnable(), session_options(1), providers=providers)


def test_another_format_is_not_taken_for_onnx(tmp_path):
    """ONNX Runtime's own, which we can't look into."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "x.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    model = PLACES["initializer"](inside())
    model.ir_version = 8
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ort = (tmp_path / "x.ort").read_bytes()
    with pytest.raises(ModelError, match="can't load the model"):
        OnnxRuntimeNetwork(ort)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf):
        onnxruntime.InferenceSession(ort, session_options(1), providers=["CPUExecutionProvider"])


def test_the_newest_onnx_has_the_fields_that_we_read():
    numbers = {field.name: field.number for field in onnx.TensorProto.DESCRIPTOR.fields}
    assert (numbers["external_data"], numbers["data_location"], numbers["raw_data"]) == (13, 14, 9)
    assert (numbers["dims"], numbers["data_type"], numbers["name"]) == (1, 2, 8)
    assert onnx.NodeProto.DESCRIPTOR.fields_by_name["op_type"].number == 4
