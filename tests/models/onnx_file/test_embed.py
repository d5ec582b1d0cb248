"""Weights that lie beside an ONNX file become part of it."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from models.errors import ModelError
from models.onnx_file.embed import read_onnx
from models.onnx_file.references import outside_reference
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.models.onnx_file.places import LOCATION, PLACES, VALUES, inside, model_of, outside

MIB = 1 << 20
DATA = VALUES.tobytes()


@pytest.fixture
def written(tmp_path):
    """Writes a model and its data; reads it as we do."""

    def write(model, data=DATA):
        (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
        if data is not None:
            (tmp_path / LOCATION).write_bytes(data)
        return read_onnx(tmp_path / "x.onnx", MIB)

    return write


@pytest.mark.parametrize("place", PLACES)
def test_values_come_in_wherever_they_are_named(written, place):
    """What becomes of the file is what `onnx` makes of the same network with its values inside."""
    model = written(PLACES[place](outside()))
    assert outside_reference(model) is None
    assert onnx.load_from_string(model) == PLACES[place](inside())


def test_a_file_that_needs_nothing_stays_as_it_is(written):
    model = model_of()
    assert written(model) == model.SerializeToString()


@pytest.mark.slow
@pytest.mark.parametrize("exporter", ["one file", "a file a tensor"])
def test_a_real_network_computes_the_same(data, tmp_path, exporter):
    whole = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    onnx.save_model(
        onnx.load_from_string(whole),
        tmp_path / "x.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=exporter == "one file",
        location="x.onnx.data" if exporter == "one file" else None,
        size_threshold=1024,
    )
    assert (len(list(tmp_path.iterdir())) == 2) == (exporter == "one file")
    model = read_onnx(tmp_path / "x.onnx", 64 * MIB)
    assert onnx.load_from_string(model) == onnx.load_from_string(whole)
    image = np.random.default_rng(0).random((1, 3, 320, 320), np.float32)
    for ours, theirs in zip(
        OnnxRuntimeNetwork(model).run(image), OnnxRuntimeNetwork(whole).run(image), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_pytorch_writes_is_read(tmp_path):
    import torch

    net = torch.nn.Sequential(torch.nn.Conv2d(3, 40, 3), torch.nn.Conv2d(40, 2, 3)).eval()
    images = torch.rand(1, 3, 32, 32)
    torch.onnx.export(
        net, (images,), tmp_path / "x.onnx", dynamo=True, external_data=True, verbose=False
    )
    assert (tmp_path / "x.onnx.data").is_file()
    (output,) = OnnxRuntimeNetwork(read_onnx(tmp_path / "x.onnx", MIB)).run(images.numpy())
    np.testing.assert_allclose(output, net(images).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    "data_type",
    sorted({*TensorProto.DataType.values()} - {TensorProto.UNDEFINED, TensorProto.STRING}),
    ids=TensorProto.DataType.Name,
)
def test_every_type_of_values_has_its_size(written, data_type):
    """As many bytes as `onnx` writes for an odd number of them, though more follow in the file."""
    values = np.zeros(7, onnx.helper.tensor_dtype_to_np_dtype(data_type))
    expected = numpy_helper.from_array(values, "w")
    assert expected.data_type == data_type
    tensor = TensorProto(name="w", dims=[7], data_type=data_type)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=LOCATION)
    model = written(PLACES["initializer"](tensor))
    (found,) = onnx.load_from_string(model).graph.initializer
    assert len(found.raw_data) == len(expected.raw_data)


def test_offset_and_length_say_where(written):
    tensor = outside(offset=8, length=VALUES.nbytes)
    model = written(PLACES["initializer"](tensor), b"8 others" + DATA + b"more")
    (found,) = onnx.load_from_string(model).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(found), VALUES)


def test_files_may_lie_in_folders_below(written, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_bytes(DATA)
    assert written(PLACES["initializer"](outside(location="weights/w")), None)


def test_a_cache_of_downloads_keeps_both_elsewhere(tmp_path):
    """A folder of links into a folder of files that are named after their content."""
    blobs, shown = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    shown.mkdir(parents=True)
    (blobs / "aa").write_bytes(PLACES["initializer"](outside()).SerializeToString())
    (blobs / "bb").write_bytes(DATA)
    (shown / "x.onnx").symlink_to("../../blobs/aa")
    (shown / LOCATION).symlink_to("../../blobs/bb")
    assert outside_reference(read_onnx(shown / "x.onnx", MIB)) is None


def refused(read, message):
    with pytest.raises(ModelError, match=rf"x\.onnx: {message}") as caught:
        read()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("tensor", "data", "message"),
    [
        (outside(), None, r"its weights lie in 'w\.data', which is not beside it; copy it there"),
        (outside(), b"", r"its weights in 'w\.data' are cut short \(of tensor 'w', 0 of 1200"),
        (outside(), DATA[:-1], "cut short.*1199 of 1200.*download that file again"),
        (outside(offset=1), DATA, "cut short"),
        (outside(offset=10**17), DATA, "cut short"),
        (outside(offset=-4), DATA, "the offset of tensor 'w' is '-4', not a number"),
        (outside(offset="9" * 30), DATA, "the offset of tensor 'w' is '9{20}'"),
        (outside(length="all"), DATA, "the length of tensor 'w' is 'all'"),
        (outside(length=4), DATA, "takes 1200 bytes, but 4 are said"),
        (outside(location=""), DATA, "does not say in which"),
        (outside(location="a\0b"), DATA, "does not say in which"),
        (outside(location="/etc/passwd"), None, "'/etc/passwd', outside of the model's folder"),
        (outside(location="../w.data"), None, r"'\.\./w\.data', outside of the model's folder"),
        (outside(location="a/../../b"), None, "outside of the model's folder"),
        (outside(location="a/../w.data"), DATA, "outside of the model's folder"),
        (outside(location="."), None, r"lie in '\.', which is not beside it"),
        (outside(location="x" * 5000), None, "lie in 'x{80}', which is not beside it"),
        (outside(location="*/_ORT_MEM_ADDR_/*"), None, "which is not beside it"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_can_not_be_packed_is_named(written, tensor, data, message):
    refused(lambda: written(PLACES["initializer"](tensor), data), f".*{message}")


def test_links_do_not_lead_out_of_the_folder(tmp_path):
    """A model can't have somebody's files packed that were linked to beside it."""
    (tmp_path / "secret").write_bytes(DATA)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "x.onnx").write_bytes(PLACES["initializer"](outside()).SerializeToString())
    (folder / LOCATION).symlink_to("../secret")
    refused(lambda: read_onnx(folder / "x.onnx", MIB), ".*outside of the model's folder")


@pytest.mark.parametrize("shape", [[-1], [2**62, 2**62], [-1, -1]])
def test_sizes_that_no_memory_holds_are_refused_before_anything_is_read(written, shape):
    tensor = outside()
    tensor.dims[:] = shape
    refused(lambda: written(PLACES["initializer"](tensor)), ".*larger than 1 MiB")


def test_tensors_that_share_their_bytes_do_not_get_past_the_limit(written):
    model = model_of()
    model.graph.initializer.extend(outside(f"w{i}") for i in range(2000))
    refused(lambda: written(model), ".*with its weights it is larger than 1 MiB")


def test_a_file_larger_than_a_bundle_takes_is_not_read(tmp_path):
    path = tmp_path / "x.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # no block of it is on the disk
    assert path.stat().st_blocks == 0
    refused(lambda: read_onnx(path, 512 * MIB), "the model is larger than 512 MiB; export a small")


def test_data_larger_than_a_bundle_takes_is_not_read(written, tmp_path):
    tensor = outside()
    tensor.dims[:] = [800_000_000]
    with (tmp_path / LOCATION).open("wb") as file:
        file.truncate(3_200_000_000)
    refused(lambda: written(PLACES["initializer"](tensor), None), ".*larger than 1 MiB")


def test_a_model_that_is_no_file_is_the_callers_to_name(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_onnx(tmp_path / "x.onnx", MIB)
    with pytest.raises(IsADirectoryError):
        read_onnx(tmp_path, MIB)


def test_a_file_cut_at_any_place_is_refused_or_still_whole(tmp_path):
    """Half of a download; cut between two fields it is a smaller file, which nobody can tell."""
    whole = PLACES["function"](outside()).SerializeToString()
    (tmp_path / LOCATION).write_bytes(DATA)
    path = tmp_path / "x.onnx"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        try:
            assert outside_reference(read_onnx(path, MIB)) is None
        except ModelError as error:
            assert re.match(r".*x\.onnx: .*(damaged|cut short|empty)", str(error))  # noqa: PT017
