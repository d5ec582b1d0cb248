"""Which of quantize's files go into a bundle."""

import hashlib

import pytest

from distill.errors import InputError
from distill.pack.precisions import quantised_files
from distill.quantize.quantize_record import FileRecord, QuantizeRecord
from models.errors import ModelError
from models.manifest import NETWORK_PATHS

STUDENT, SIZES = "1" * 64, ((640, 640), (640, 384))


@pytest.fixture
def made(tmp_path):
    """A folder as quantize leaves it; keyword arguments name what a file failed."""

    def write(**failed):
        files = {}
        for role in ("fp32", "fp16", "uint8", "int8"):
            model = f"the {role} network".encode()
            if role != "fp32" and role not in failed:
                (tmp_path / NETWORK_PATHS[role]).write_bytes(model)
            files[role] = FileRecord(
                file=NETWORK_PATHS[role],
                sha256=hashlib.sha256(model).hexdigest(),
                bytes=len(model),
                figures={},
                bounds={},
                failed=failed.get(role, ()),
            )
        QuantizeRecord(
            student="bottles",
            student_sha256=STUDENT,
            sizes=SIZES,
            ranges="percentile",
            confidence=0.25,
            calibration_frames=200,
            judged_frames=300,
            judged_at={"640x640": 300},
            labelled_images=0,
            precisions=files,
        ).write(tmp_path)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("asked", "target", "roles"),
    [
        (("fp32", "int8"), "cpu", {"uint8": ("onnxruntime-cpu",)}),
        (("fp32", "int8"), "jetson", {"int8": ("tensorrt",)}),
        (("int8",), "any", {"int8": ("tensorrt",), "uint8": ("onnxruntime-cpu",)}),
        (("fp32", "fp16"), "cpu", {}),
        (("fp16", "int8"), "jetson", {"fp16": (), "int8": ("tensorrt",)}),
        (("fp32",), "any", {}),
    ],
)
def test_the_target_says_which_file_is_meant(made, asked, target, roles):
    found = quantised_files(made(), asked, target, STUDENT, SIZES[:1])
    assert {role: file.runtimes for role, file in found.items()} == roles
    assert {file.model for file in found.values()} == {f"the {r} network".encode() for r in roles}


def test_what_did_not_pass_is_refused_and_others_are_not(made):
    folder = made(int8=("agreement is 0.5, at least 0.86 is demanded",))
    assert quantised_files(folder, ("int8",), "cpu", STUDENT, SIZES).keys() == {"uint8"}
    for target in ("jetson", "any"):
        with pytest.raises(ModelError, match=r"model\.int8\.onnx was refused.*agreement is 0\.5"):
            quantised_files(folder, ("int8",), target, STUDENT, SIZES)


@pytest.mark.parametrize(
    ("student", "sizes", "line"),
    [
        ("2" * 64, SIZES, r"is of another student \(bottles, 11111111\)"),
        (STUDENT, ((320, 320),), "nothing was quantised for 320x320"),
    ],
)
def test_files_of_something_else_are_refused(made, student, sizes, line):
    with pytest.raises(InputError, match=line):
        quantised_files(made(), ("int8",), "cpu", student, sizes)


def test_a_file_that_changed_since_is_refused(made):
    folder = made()
    (folder / "model.uint8.onnx").write_bytes(b"another")
    with pytest.raises(InputError, match="is not the file that was judged"):
        quantised_files(folder, ("int8",), "cpu", STUDENT, SIZES)
    (folder / "model.uint8.onnx").unlink()
    with pytest.raises(InputError, match=r"uint8\.onnx can't be read"):
        quantised_files(folder, ("int8",), "cpu", STUDENT, SIZES)


@pytest.mark.parametrize("content", [b"{}", b'{"student": 1', b"[]"])
def test_a_record_that_is_none_is_refused(made, content):
    folder = made()
    (folder / "quantize.json").write_bytes(content)
    with pytest.raises(InputError, match=r"quantize\.json") as caught:
        quantised_files(folder, ("int8",), "cpu", STUDENT, SIZES)
    assert "\n" not in str(caught.value)
