"""A student is packed whole and proven, or not at all."""

from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from distill.errors import InputError, OutputError
from distill.pack.bundle import SELF_TEST, Release, pack
from distill.pack.compare import check_parity
from distill.pack.half import halved
from distill.pack.student import Student
from models.bundle import Bundle
from models.errors import ModelError
from models.golden import golden_frames
from models.manifest import TeacherSpec
from models.preprocess import InputSpec
from models.runtime.choose import choose_network
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.self_test import Tolerances, self_test
from models.signing import PrivateKey
from tests.distill.conftest import picture

pytestmark = pytest.mark.slow  # an export takes seconds
KEY = PrivateKey.generate()
SPEC = InputSpec(width=64, height=32)
RELEASE = Release(
    "toy", 7, {"can": 0.3}, {"mask_map": 0.5}, TeacherSpec(name="t", weights_sha256="1" * 64)
)
IMAGES = [picture(0), picture(1), picture(2, 20, 30)]


class Toy(nn.Module):
    """32 cells of 8 px, each of which sees an object of two classes the more, the brighter it is."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.see, self.draw = nn.Conv2d(3, 34, 8, 8), nn.Conv2d(3, 32, 4, 4)
        nn.init.normal_(self.see.weight[:2], std=0.3)
        y, x = torch.meshgrid(torch.arange(4) * 8.0 + 4, torch.arange(8) * 8.0 + 4, indexing="ij")
        size = torch.full((32,), 14.0)
        self.register_buffer("boxes", torch.stack([x.flatten(), y.flatten(), size, size]))

    def forward(self, images):
        seen = self.see(images).flatten(2)
        boxes = self.boxes.expand(images.shape[0], -1, -1)
        return torch.cat([boxes, seen[:, :2].sigmoid(), seen[:, 2:]], 1), self.draw(images)


@dataclass(frozen=True)
class Exported(Student):
    """A student whose export was made before."""

    file: bytes = b""

    def to_onnx(self, *, dynamic):  # noqa: ARG002 it was said then
        return self.file


@pytest.fixture(scope="module")
def student():
    classes, outputs = ("cup", "can"), ("output0", "output1")
    toy = Student("2" * 64, classes, "yolo_seg", SPEC, outputs, Toy().eval(), {"task": "segment"})
    values = {name: getattr(toy, name) for name in Student.__dataclass_fields__}
    return Exported(**values, file=toy.to_onnx(dynamic=True))


def with_weights(file, change):
    """The file with its layers' weights changed."""
    proto = onnx.load_from_string(file)
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 4:
            tensor.CopyFrom(numpy_helper.from_array(change(values), tensor.name))
    return proto.SerializeToString()


def changed(student, file):
    return type(student)(**{**student.__dict__, "file": file})


@pytest.mark.parametrize("role", ["fp32", "fp16"])
def test_a_bundle_says_all_and_proves_itself(student, tmp_path, role):
    path = tmp_path / "toy.sfm"
    packed = pack(student, path, RELEASE, IMAGES, role=role, dynamic=True, key=KEY)
    assert packed.parity.compared > 3
    bundle = Bundle.open(path, [KEY.public])
    manifest = bundle.manifest
    assert manifest == packed.manifest
    assert (manifest.name, manifest.version, manifest.class_count) == ("toy", 7, 2)
    assert (manifest.input, manifest.family) == (SPEC, "yolo_seg")
    assert (manifest.thresholds, manifest.metrics) == (RELEASE.thresholds, RELEASE.metrics)
    assert manifest.teacher == RELEASE.teacher
    assert Tolerances.of(manifest) == SELF_TEST
    assert list(manifest.files) == [role]
    assert len(manifest.golden_files) == 3
    assert self_test(bundle, choose_network(bundle).network).ok
    assert [file.name for file in tmp_path.iterdir()] == ["toy.sfm"]


def test_classes_of_one_name_are_packed_and_proven(student, tmp_path):
    """Each by its number; their one threshold is what hides more."""
    both = replace(student, classes=("can\n", "can"))
    release = replace(RELEASE, thresholds={"can": 0.3})
    path = tmp_path / "toy.sfm"
    pack(both, path, release, IMAGES, dynamic=True, key=KEY)
    bundle = Bundle.open(path, [KEY.public])
    assert [(spec.id, spec.name) for spec in bundle.manifest.classes] == [(0, "can"), (1, "can")]
    assert bundle.manifest.thresholds == {"can": 0.25}
    seen = {label for frame in golden_frames(bundle) for label in frame.expected.classes.tolist()}
    assert seen == {0, 1}
    assert self_test(bundle, choose_network(bundle).network).ok


def test_half_is_half_the_size_and_gives_float32(student):
    small = halved(student.file)
    ours = OnnxRuntimeNetwork(small).run(np.ones((2, 3, 32, 64), np.float32))
    theirs = OnnxRuntimeNetwork(student.file).run(np.ones((2, 3, 32, 64), np.float32))
    assert {output.dtype for output in ours} == {np.dtype(np.float32)}
    assert all(np.allclose(a, b, atol=0.02) for a, b in zip(ours, theirs, strict=True))
    weights = sum(parameter.nbytes for parameter in Toy().parameters() if parameter.ndim > 1)
    assert len(student.file) - len(small) == pytest.approx(weights / 2, rel=0.05)
    onnx.checker.check_model(onnx.load_from_string(small))


def test_what_float16_can_t_hold_stays(student):
    huge = with_weights(student.file, lambda values: values + np.float32(1e5))
    assert halved(huge) == onnx.load_from_string(huge).SerializeToString()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values * np.float32(1.02), r"output\d, channel \d+, is off by 0\.0"),
        (lambda values: values * np.float32("nan"), "not finite"),
    ],
)
def test_an_export_that_differs_leaves_what_was_there(student, tmp_path, change, message):
    path = tmp_path / "toy.sfm"
    path.write_bytes(b"the one before")
    wrong = changed(student, with_weights(student.file, change))
    with pytest.raises(ModelError, match=message) as caught:
        pack(wrong, path, RELEASE, IMAGES, key=KEY)
    assert "nothing was written" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"the one before"
    assert [file.name for file in tmp_path.iterdir()] == ["toy.sfm"]


def test_pytorch_that_is_not_finite_is_no_truth(student, tmp_path):
    class Broken(Exported):
        def run(self, images):
            first, second = super().run(images)
            second = second.copy()
            second[0, 3, 0, 0] = np.nan
            return first, second

    pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES, key=None)
    bundle = Bundle.open(tmp_path / "toy.sfm", allow_unsigned=True)
    frames, broken = [*golden_frames(bundle)], Broken(**student.__dict__)
    with pytest.raises(ModelError, match=r"output1 \(not finite\)"):
        check_parity(broken, student.file, "fp32", frames, bundle.manifest)


def test_weights_that_float16_spoils_are_found_out(student, tmp_path):
    """What is below a sixteen-millionth is zero in float16: the file is sound and sees nothing."""

    @dataclass(frozen=True)
    class Faint(Exported):
        def run(self, images):
            return super().run(images / np.float32(1e-8))

    tiny = changed(student, with_weights(student.file, lambda values: values * np.float32(1e-8)))
    with pytest.raises(ModelError, match="differs from PyTorch"):
        pack(tiny, tmp_path / "toy.sfm", RELEASE, IMAGES, role="fp16", key=None)
    assert not list(tmp_path.iterdir())


def test_a_good_one_replaces_what_was_there(student, tmp_path):
    path = tmp_path / "toy.sfm"
    path.write_bytes(b"the one before")
    pack(student, path, RELEASE, IMAGES, key=None)
    assert Bundle.open(path, allow_unsigned=True).signed_by is None


def test_frames_in_which_nothing_is_seen_prove_nothing(student, tmp_path):
    blind = Release("toy", 1, {"cup": 1.0, "can": 1.0}, {}, None)
    with pytest.raises(ModelError, match="sees nothing clearly above its thresholds in 3 golden"):
        pack(student, tmp_path / "toy.sfm", blind, IMAGES, key=None)
    assert not list(tmp_path.iterdir())


def test_objects_near_their_thresholds_prove_nothing(student, tmp_path):
    pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES, key=None)
    frames = golden_frames(Bundle.open(tmp_path / "toy.sfm", allow_unsigned=True))
    best = max(float(score) for frame in frames for score in frame.expected.scores)
    near = Release("toy", 1, {"cup": best - 0.05, "can": best - 0.05}, {}, None)
    with pytest.raises(ModelError, match="sees nothing clearly above"):
        pack(student, tmp_path / "toy.sfm", near, IMAGES, key=None)


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (Release("../up", 1, {}, {}, None), "name"),
        (Release("toy", 0, {}, {}, None), "version"),
        (Release("toy", 1, {}, {str(i): 1.0 for i in range(101)}, None), "metrics"),
    ],
)
def test_a_release_that_makes_no_sense_is_refused(student, tmp_path, release, message):
    with pytest.raises(InputError, match=message):
        pack(student, tmp_path / "toy.sfm", release, IMAGES, key=None)
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_t_be_written_to_is_said(student, tmp_path):
    with pytest.raises(OutputError, match="can't be written: No such file"):
        pack(student, tmp_path / "none" / "toy.sfm", RELEASE, IMAGES, key=None)
