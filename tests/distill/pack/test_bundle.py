"""A student is packed whole and proven, or not at all."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from distill.errors import InputError, OutputError
from distill.pack.bundle import pack
from distill.pack.compare import SELF_TEST, check_parity
from distill.pack.golden import golden_of
from distill.pack.half import halved
from distill.pack.manifest import NetworkFile, Release, unsealed
from distill.pack.student import Student
from models.bundle import Bundle
from models.decode.yolo_seg_heads import RAW_OUTPUTS, STRIDES
from models.errors import ModelError
from models.golden import golden_frames
from models.input_spec import InputSpec
from models.manifest import TeacherSpec
from models.runtime.choose import choose_network
from models.runtime.engine_file import EngineFile
from models.runtime.engine_key import EngineKey
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
    """Raw heads whose cells see an object of two classes the more, the brighter they are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.see = nn.ModuleList(nn.Conv2d(3, 34, stride, stride) for stride in STRIDES)
        self.draw = nn.Conv2d(3, 32, 4, 4)
        for see in self.see:
            nn.init.normal_(see.weight[:2], std=2.4 / see.stride[0])

    def forward(self, images):
        seen = [see(images) for see in self.see]
        sides = [0 * level[:, :4] + 0.9 for level in seen]
        logits, coefficients = [[level[:, :2] for level in seen], [level[:, 2:] for level in seen]]
        return (*sides, *logits, *coefficients, self.draw(images))


@dataclass(frozen=True)
class Exported(Student):
    """A student whose export was made before."""

    file: bytes = b""

    def to_onnx(self, *, dynamic):  # noqa: ARG002 it was said then
        return self.file


@pytest.fixture(scope="module")
def student():
    classes, sizes = ("cup", "can"), ((32, 64), (96, 96))
    told = {"made": "by a test"}
    toy = Student("2" * 64, classes, "yolo_seg", SPEC, RAW_OUTPUTS, Toy().eval(), told, sizes)
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
    packed = pack(student, path, RELEASE, IMAGES, stored=[role], dynamic=True, key=KEY)
    assert packed.parity[role].compared > 3
    bundle = Bundle.open(path, [KEY.public])
    manifest = bundle.manifest
    assert manifest == packed.manifest
    assert (manifest.name, manifest.version, manifest.class_count) == ("toy", 7, 2)
    assert (manifest.input, manifest.family) == (SPEC, "yolo_seg")
    assert (manifest.thresholds, manifest.metrics) == (RELEASE.thresholds, RELEASE.metrics)
    assert manifest.teacher == RELEASE.teacher
    assert Tolerances.of(manifest) == SELF_TEST
    assert list(manifest.files) == [role]
    assert manifest.sizes == ((32, 64), (96, 96))
    assert [frame.size for frame in manifest.golden_files] == [None, (32, 64), (96, 96)]
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
        (lambda values: values * np.float32(1.02), r"\w+, channel \d+, is off by 0\.0"),
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
            *heads, prototypes = super().run(images)
            prototypes = prototypes.copy()
            prototypes[0, 3, 0, 0] = np.nan
            return (*heads, prototypes)

    pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES, key=None)
    bundle = Bundle.open(tmp_path / "toy.sfm", allow_unsigned=True)
    frames, broken = [*golden_frames(bundle)], Broken(**student.__dict__)
    with pytest.raises(ModelError, match=r"prototypes \(not finite\)"):
        check_parity(broken, student.file, "fp32", frames, bundle.manifest)


def test_weights_that_float16_spoils_are_found_out(student, tmp_path):
    """What is below a sixteen-millionth is zero in float16: the file is sound and sees nothing."""

    @dataclass(frozen=True)
    class Faint(Exported):
        def run(self, images):
            return super().run(images / np.float32(1e-8))

    tiny = changed(student, with_weights(student.file, lambda values: values * np.float32(1e-8)))
    with pytest.raises(ModelError, match="differs from PyTorch"):
        pack(tiny, tmp_path / "toy.sfm", RELEASE, IMAGES, stored=["fp16"], key=None)
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


@dataclass(frozen=True)
class AtOneSize(Exported):
    """A student that is another at 96x96."""

    change: object = None

    def run(self, images):
        outputs = super().run(images)
        return self.change(outputs) if images.shape[2:] == (96, 96) else outputs


def shifted(outputs):
    return (outputs[0] + 0.01, *outputs[1:])


def blinded(outputs):
    return (*outputs[:3], *(np.full_like(logits, -9) for logits in outputs[3:6]), *outputs[6:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shifted, r"boxes_8, channel 0, is off by 0\.01.* at 96x96 from golden frame 3 on"),
        (blinded, "sees nothing clearly above its thresholds in 3 golden frames at 96x96"),
    ],
)
def test_every_size_is_compared_and_proven(student, tmp_path, change, message):
    other = AtOneSize(**student.__dict__, change=change)
    with pytest.raises(ModelError, match=message):
        pack(other, tmp_path / "toy.sfm", RELEASE, IMAGES, dynamic=True, key=None)
    assert not list(tmp_path.iterdir())


def test_one_picture_is_enough_for_several_sizes(student, tmp_path):
    pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES[:1], key=None)
    bundle = Bundle.open(tmp_path / "toy.sfm", allow_unsigned=True)
    frames = [*golden_frames(bundle)]
    assert [frame.size for frame in frames] == [None, (32, 64), (96, 96)]
    assert all(np.array_equal(frame.image, IMAGES[0]) for frame in frames)


def test_a_picture_is_seen_at_the_size_of_its_shape(student):
    upright, square = picture(3, 80, 40), picture(4, 60, 60)
    frames = golden_of([square, upright, IMAGES[0]], student, unsealed(student, RELEASE), {})
    assert [frame.image.shape[:2] for frame in frames][1:] == [(80, 40), (60, 60)]


def test_a_file_that_was_judged_has_its_own_runtimes_and_thresholds(student, tmp_path):
    judged = NetworkFile(student.file, ("onnxruntime-cpu",), {"can": 0.35})
    packed = pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES, judged={"uint8": judged}, key=KEY)
    manifest = Bundle.open(tmp_path / "toy.sfm", [KEY.public]).manifest
    assert list(manifest.files) == ["fp32", "uint8"]
    assert manifest.files["uint8"].runtimes == ("onnxruntime-cpu",)
    assert manifest.threshold("can", "uint8") == 0.35
    assert manifest.threshold("can", "fp32") == 0.3
    assert packed.parity["uint8"].raw is None
    assert packed.parity["uint8"].compared == packed.parity["fp32"].compared > 3


def test_a_file_that_sees_otherwise_everywhere_is_not_packed(student, tmp_path):
    other = with_weights(student.file, lambda values: values * np.float32(0.5))
    judged = {"uint8": NetworkFile(other)}
    with pytest.raises(
        ModelError, match=r"in none of 3 .* every file sees .* \(uint8: .*precision"
    ):
        pack(student, tmp_path / "toy.sfm", RELEASE, IMAGES, judged=judged, key=None)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_a_judged_file_sees_otherwise_is_left_out(student):
    class Dazzled:
        def run(self, images):
            outputs = student.run(images)
            return blinded(outputs) if images.mean() > 0.6 else outputs

    bright = np.full_like(IMAGES[0], 250)
    manifest = unsealed(student, RELEASE)
    assert len(golden_of([*IMAGES, bright], student, manifest, {})) == 4
    frames = golden_of([bright, *IMAGES], student, manifest, {"uint8": Dazzled()})
    assert len(frames) == 3
    assert all(frame.image.mean() < 200 for frame in frames)


def test_what_tensorrt_s_parser_would_refuse_is_not_packed_for_it(student, tmp_path):
    proto = onnx.load_from_string(student.file)
    proto.opset_import[0].version = 21
    file = proto.SerializeToString()
    words = {"dynamic": True, "for_tensorrt": True, "key": None}
    place = tmp_path / "toy.sfm"
    pack(student, place, RELEASE, IMAGES, **words)
    elsewhere = {"uint8": NetworkFile(file, ("onnxruntime-cpu",))}
    pack(student, place, RELEASE, IMAGES, judged=elsewhere, **words)
    with pytest.raises(ModelError, match=r"parser would refuse .* opset 21"):
        pack(student, place, RELEASE, IMAGES, judged={"int8": NetworkFile(file)}, **words)


def engine(student, **changes):
    """What a Jetson built of a bundle of the student."""
    key = EngineKey(
        onnx_sha256=hashlib.sha256(student.file).hexdigest(),
        tensorrt="10.3.0",
        compute_capability="8.7",
        device="Orin",
        driver_or_l4t="L4T 36.4.3",
        precision="fp32",
        sizes=((64, 32), (32, 64), (96, 96)),
        batch=4,
        options=1,
    )
    return EngineFile(key.model_copy(update=changes), b"plan")


def test_engines_are_signed_into_it(student, tmp_path):
    built = (engine(student), engine(student, device="Thor"))
    place = tmp_path / "toy.sfm"
    pack(student, place, RELEASE, IMAGES, dynamic=True, engines=built, key=KEY)
    bundle = Bundle.open(place, [KEY.public])
    assert [EngineFile.from_bytes(data) for data in bundle.engine_bytes()] == [*built]
    assert {spec.path.partition("/")[0] for spec in bundle.manifest.engines} == {"engines"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": "int8"}, "int8 of Orin, TensorRT 10.3.0, has no network .*--precision"),
        ({"onnx_sha256": "0" * 64}, "was built of another network"),
        ({"sizes": ((64, 32),)}, "or for other sizes"),
        ({}, "two engines are for the same devices"),
    ],
    ids=["precision", "network", "sizes", "twice"],
)
def test_an_engine_that_no_device_could_use_is_refused(student, tmp_path, changes, said):
    built = (engine(student, **changes), engine(student))
    with pytest.raises(InputError, match=said):
        pack(student, tmp_path / "t.sfm", RELEASE, IMAGES, dynamic=True, engines=built, key=KEY)
    assert not list(tmp_path.iterdir())
