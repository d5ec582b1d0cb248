"""`sfumato-distill pack`, as typed, and what the agent makes of it."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
import torch

import distill.quiet  # noqa: F401 its log would otherwise go where one test's output went
from agent.cli import main as sfumato
from distill.cli import main
from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco
from distill.data.images import size_of
from distill.pack.student import read_student
from distill.quantize.quantize_record import FileRecord, QuantizeRecord
from models.bundle import Bundle
from models.golden import golden_frames
from models.importing import import_onnx
from models.runtime.choose import choose_network
from models.runtime.engine_file import EngineFile
from models.runtime.engine_key import EngineKey
from models.self_test import self_test
from models.signing import PrivateKey
from tests.distill.labelled import data_set
from tests.distill.lively import lively
from tests.distill.yolos import build

pytestmark = pytest.mark.slow  # each exports
KEY = PrivateKey.generate()


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "office.key"
    KEY.write(path)
    path.with_suffix(".pub").write_text(KEY.public.to_line())
    return path


@pytest.fixture
def pack(tmp_path, key, capsys):
    """Run the command: exit code, what it said, what was complained about."""

    def run(student, *words, golden=None, seal=("--key", key), travels="--golden-shows-nobody"):
        golden = golden or data_set(tmp_path / "data")
        words = ["--golden", golden, *filter(None, [travels]), *seal, *words]
        words = ["pack", student, "--out", tmp_path / "x.sfm", *words]
        code = main([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def saved(model, path, **more):
    torch.save({"model": model, "ema": None, **more}, path)
    return path


def test_yolo11_from_weights_to_a_hidden_picture(pack, tmp_path):
    student = saved(lively("yolo11n-seg"), tmp_path / "student.pt", train_args={"imgsz": 96})
    sweep = tmp_path / "sweep.json"
    sweep.write_text('{"thresholds": {"bottle": 0.05, "cup": 0.04}}')
    code, said, complaint = pack(student, "--thresholds", sweep)
    assert (code, complaint) == (0, "")
    assert re.search(r"x\.sfm: yolo_seg 96x96 \(96x64, 64x96\) fp32, 1[12]\.\d MB, signed by", said)
    bundle = Bundle.open(tmp_path / "x.sfm", [KEY.public])
    assert bundle.manifest.thresholds == {"bottle": 0.05, "cup": 0.04}
    imported, _ = import_onnx(bundle.model_bytes("fp32"), "x")  # the file says itself what it is
    assert (imported.inputs(), imported.classes) == (
        bundle.manifest.inputs(),
        bundle.manifest.classes,
    )
    photo = shutil.copy(tmp_path / "data/images/street/000000.jpg", tmp_path / "p.jpg")
    words = ["redact-image", photo, tmp_path / "p.png", "--model", tmp_path / "x.sfm"]
    assert sfumato([*map(str, words), "--trust", str(tmp_path / "office.pub")]) == 0
    assert (tmp_path / "p.png").exists()


def test_what_quantize_made_goes_in_beside_it(pack, tmp_path):
    weights = saved(lively("yolo11n-seg"), tmp_path / "student.pt", train_args={"imgsz": 96})
    student = read_student(weights)
    model = student.to_onnx(dynamic=False)  # as good as eight bits can be
    sha256 = hashlib.sha256(model).hexdigest()
    small = tmp_path / "small"
    small.mkdir()
    (small / "model.uint8.onnx").write_bytes(model)
    file = FileRecord(
        file="model.uint8.onnx", sha256=sha256, bytes=len(model), figures={}, bounds={}
    )
    QuantizeRecord(
        student="student",
        student_sha256=student.sha256,
        sizes=student.sizes,
        ranges="percentile",
        confidence=0.25,
        calibration_frames=1,
        judged_frames=1,
        judged_at={},
        labelled_images=0,
        precisions={"uint8": file},
    ).write(small)
    own, its = {"bottle": 0.05, "cup": 0.04}, {"bottle": 0.06, "cup": 0.05}
    networks = [
        {"sha256": student.sha256, "thresholds": own},
        {"sha256": sha256, "thresholds": its},
    ]
    sweep = tmp_path / "sweep.json"
    sweep.write_text(json.dumps({"networks": networks}))
    words = ("--precision", "fp16,int8", "--quantized", small, "--thresholds", sweep)
    code, said, complaint = pack(weights, *words)
    assert (code, complaint) == (0, "")
    assert re.search(r"fp16, uint8, \d+\.\d MB", said)
    manifest = Bundle.open(tmp_path / "x.sfm", [KEY.public]).manifest
    assert manifest.thresholds == own
    assert manifest.files["uint8"].thresholds == its
    assert manifest.files["uint8"].runtimes == ("onnxruntime-cpu",)
    assert "were taken from FP32" not in said
    sweep.write_text(json.dumps({"networks": networks[:1]}))
    code, said, _ = pack(weights, *words)
    assert code == 0
    assert "\nuint8: thresholds were taken from FP32" in said
    assert Bundle.open(tmp_path / "x.sfm", [KEY.public]).manifest.files["uint8"].thresholds is None
    code, _, complaint = pack(weights, *words, "--size", "128x128")
    assert code == 3
    assert "nothing was quantised for 128x128" in complaint


def test_the_same_student_packed_again_takes_the_engine_of_its_first_bundle(pack, tmp_path):
    weights = saved(lively("yolo11n-seg"), tmp_path / "student.pt", train_args={"imgsz": 96})
    place, sweep = tmp_path / "x.sfm", tmp_path / "sweep.json"
    sweep.write_text('{"thresholds": {"bottle": 0.05, "cup": 0.04}}')
    assert pack(weights, "--thresholds", sweep)[0] == 0
    bundle = Bundle.open(place, [KEY.public])
    key = EngineKey(
        onnx_sha256=bundle.manifest.files["fp32"].sha256,
        tensorrt="10.3.0",
        compute_capability="8.7",
        device="Orin",
        driver_or_l4t="L4T 36.4.3",
        precision="fp32",
        sizes=tuple((spec.width, spec.height) for spec in bundle.manifest.inputs()),
        batch=4,
        options=1,
    )
    engine = tmp_path / "orin.engine"
    engine.write_bytes(EngineFile(key, b"plan").to_bytes())
    code, said, complaint = pack(weights, "--thresholds", sweep, "--engine", engine)
    assert (code, complaint) == (0, "")
    assert "\nengines: 1, for devices that equal those that built them\n" in said
    (data,) = Bundle.open(place, [KEY.public]).engine_bytes()
    assert data == engine.read_bytes()
    engine.write_bytes(b"ftrt")
    code, _, complaint = pack(weights, "--engine", engine)
    assert code == 3
    assert complaint.startswith(f"sfumato-distill: {engine}: no engine")


def test_rtmdet_for_any_batch_at_another_shape(pack, tmp_path, seeing_weights):
    code, said, _ = pack(seeing_weights, "--size", "160x96", "--dynamic", "--name", "rtm")
    assert code == 0
    assert "rtmdet_ins 160x96 fp32" in said
    bundle = Bundle.open(tmp_path / "x.sfm", [KEY.public])
    assert bundle.manifest.name == "rtm"
    network = choose_network(bundle).network
    assert network.input_shape == ("batch", 3, 96, 160)
    assert self_test(bundle, network).compared > 0


def test_real_weights_in_half_the_bytes(pack, data, yolo, tmp_path, capsys):
    """YOLOv8n-seg on photographs, with figures and its teacher, seen by the agent."""
    records = []
    for number, name in enumerate(("bus.jpg", "zidane.jpg"), start=1):
        path = data / "images" / name
        width, height = size_of(path)
        mask = np.zeros((height, width), np.uint8)
        mask[:40, :40] = 1
        objects = (Annotation(0, (0, 0, 40, 40), rle.encode(mask), ignore=False),)
        records.append(ImageRecord(number, path, width, height, None, None, objects))
    write_coco(tmp_path / "golden.json", ("person",), records, {})
    figures = {"mask_map": 0.3, "control_mask_map": 0.2, "teacher_mask_map": 0.4}
    (tmp_path / "m.json").write_text(json.dumps(figures))
    code, said, complaint = pack(
        yolo,
        *("--precision", "fp16", "--size", "320x256", "--version", "3"),
        *("--metrics", tmp_path / "m.json", "--teacher", yolo),
        golden=tmp_path / "golden.json",
    )
    assert (code, complaint) == (0, "")
    assert "objects in 2 golden frames" in said
    assert (tmp_path / "x.sfm").stat().st_size < 8e6
    assert sfumato(["model", "show", str(tmp_path / "x.sfm"), "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert manifest["metrics"] == figures
    assert manifest["teacher"]["name"] == "yolov8n-seg"
    assert manifest["version"] == 3
    assert list(manifest["files"]) == ["fp16"]
    assert sfumato(["model", "show", str(tmp_path / "x.sfm")]) == 0
    assert "2 frames to test it with" in capsys.readouterr().out
    words = ["redact-image", data / "images/bus.jpg", tmp_path / "bus.png", "--classes", "person"]
    words += ["--model", tmp_path / "x.sfm", "--trust", tmp_path / "office.pub"]
    assert sfumato([*map(str, words)]) == 0
    assert "3 objects hidden" in capsys.readouterr().err


def test_what_can_t_be_packed_is_said_in_one_line(pack, tmp_path, seeing_weights, key):
    other = tmp_path / "student.onnx"
    other.write_bytes(b"")
    broken = tmp_path / "student.safetensors"
    broken.write_bytes(b"no weights")
    detector = saved(build("yolo11n", ("bottle",)), tmp_path / "detector.pt")
    unknown = tmp_path / "sweep.json"
    unknown.write_text('{"thresholds": {"dog": 0.5}}')
    nan = tmp_path / "metrics.json"
    nan.write_text('{"mask_map": NaN}')
    missing = tmp_path / "none.json"
    public = key.with_suffix(".pub")
    for code, words, part, more in [
        (2, (other,), "a student's weights end in", {}),
        (5, (broken,), "no safetensors", {}),
        (5, (detector,), "gives no masks", {}),
        (3, (seeing_weights, "--thresholds", unknown), "no class 'dog'", {}),
        (3, (seeing_weights, "--metrics", nan), "not a number", {}),
        (3, (seeing_weights,), "none.json can't be read", {"golden": missing}),
        (5, (seeing_weights,), "this is the public half", {"seal": ("--key", public)}),
        (5, (seeing_weights, "--teacher", missing), "none.json can't be read", {}),
        (3, (seeing_weights, "--name", "../up"), "name", {}),
        (4, (seeing_weights, "--out", tmp_path), "is a folder", {}),
        (4, (seeing_weights, "--out", tmp_path / "no" / "x.sfm"), "its folder is not there", {}),
        (2, (seeing_weights, "--out", seeing_weights), "is one of the inputs", {}),
        (2, (seeing_weights,), "no rendered picture; --redact-background", {"travels": None}),
    ]:
        got, said, complaint = pack(*words, **more)
        assert (got, said) == (code, ""), complaint
        assert complaint.count("\n") == 1, complaint
        assert part in complaint
    assert not (tmp_path / "x.sfm").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "--key --unsigned is required"),
        (("--unsigned", "--render-golden"), "not allowed with argument --golden"),
        (("--unsigned", "--redact-background", "--golden-shows-nobody"), "not allowed with"),
        (("--unsigned", "--key", "k"), "not allowed with"),
        (("--unsigned", "--size", "320x250"), "multiples of 32"),
        (("--unsigned", "--size", "1x2x3"), "multiples of 32"),
        (("--unsigned", "--frames", "17"), "from 1 to 16"),
        (("--unsigned", "--precision", "fp32,int4"), "'int4' is none of fp32, fp16, int8"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, part, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["pack", "s.pt", "--out", "x.sfm", "--golden", "g.json", *words])
    assert caught.value.code == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ("--precision", "fp32,int8"),
            "int8 for cpu is made by sfumato-distill quantize; name its",
        ),
        (("--precision", "fp16", "--target", "any"), "fp16 for any is made by sfumato-distill"),
        (("--quantized", "small"), "--quantized: fp32 for cpu is not from there; add int8"),
        (("--precision", "fp32,fp16", "--quantized", "x"), "fp32, fp16 for cpu is not from there"),
    ],
)
def test_the_folder_of_quantize_goes_with_what_is_from_there(words, part, capsys):
    words = ["pack", "s.pt", "--out", "x.sfm", "--golden", "g.json", "--unsigned", *words]
    assert main(words) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--redact-background", "--golden-shows-nobody", "--images=x"])
def test_words_about_images_that_are_not_taken_are_refused(option, capsys):
    words = ["pack", "s.pt", "--out", "x.sfm", "--unsigned", "--render-golden", option]
    assert main(words) == 2
    assert f"{option.removesuffix('=x')} goes with --golden, not with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--redact-background",), "labelled objects as they are, all else dissolved"),
        (("--golden-shows-nobody",), "pictures as they are; they travel to every device"),
        ((), "rendered; nobody is in them"),
    ],
)
def test_a_bundle_says_what_of_its_frames_travels(data, yolo, tmp_path, capsys, words, says):
    """And what PyTorch sees in the very pictures that travel is what a device has to see."""
    photo, mask = data / "images" / "bus.jpg", np.zeros((1080, 810), np.uint8)
    mask[390:910, 30:250] = 1  # about the man on the left
    box = (30, 390, 250, 910)
    person = Annotation(0, box, rle.encode(mask), ignore=False)
    record = ImageRecord(1, photo, 810, 1080, None, None, (person,))
    write_coco(tmp_path / "golden.json", ("person",), [record], {})
    golden = ("--golden", tmp_path / "golden.json") if words else ("--render-golden",)
    out = ("--out", tmp_path / "x.sfm", "--unsigned", "--size", "320")
    assert main([*map(str, ("pack", yolo, *out, *golden, *words))]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.endswith(f"golden frames: {says}\n")
    bundle = Bundle.open(tmp_path / "x.sfm", [], allow_unsigned=True)
    assert self_test(bundle, choose_network(bundle).network).ok
    if words == ("--redact-background",):
        (frame,) = golden_frames(bundle)
        assert [bundle.manifest.classes[i].name for i in frame.expected.classes] == ["person"]
        scale = frame.image.shape[0] / 1080
        (seen,) = frame.expected.boxes / scale
        assert seen[0] > 0
        assert seen[2] < 300, "the others are dissolved"
