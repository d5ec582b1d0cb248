"""`sfumato-distill evaluate --sweep`, and whose thresholds decide what leaks."""

import hashlib
import json

import pytest
from evaluating import truth, world

from distill.cli import main
from distill.data.coco import write_coco
from distill.data.images import size_of
from distill.pack.figures import read_thresholds
from distill.pack.half import halved
from models.bundle import write_bundle
from models.importing import import_onnx
from models.manifest import NETWORK_PATHS, NetworkSpec

CLASSES = ("bottle", "can", "cup")


@pytest.fixture
def squares(tmp_path):
    """A data set of four images of the classes that the small network knows."""
    dataset = world(tmp_path, [[truth((i % 3, 10, 10, 60, 70))] for i in range(4)], CLASSES)
    write_coco(tmp_path / "val.json", CLASSES, dataset.images, {})
    return tmp_path / "val.json"


@pytest.fixture
def street(data, tmp_path):
    """Photos with people and cars, and a network in a bundle with a threshold of its own."""
    main(["labels", "from-yolo", str(data / "coco128-seg"), "--names", "coco",
          "--out", str(tmp_path / "all.json")])  # fmt: skip
    whole = json.loads((tmp_path / "all.json").read_text())
    classes = {category["name"]: category["id"] for category in whole["categories"]}
    cars = {a["image_id"] for a in whole["annotations"] if a["category_id"] == classes["car"]}
    whole["images"] = [image for image in whole["images"] if image["id"] in sorted(cars)[:6]]
    kept = {image["id"] for image in whole["images"]}
    whole["annotations"] = [a for a in whole["annotations"] if a["image_id"] in kept]
    (tmp_path / "street.json").write_text(json.dumps(whole))
    model = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    manifest, files = import_onnx(model, "street", classes=["person", "car"])
    manifest = manifest.model_copy(update={"thresholds": {"car": 0.05}})
    write_bundle(tmp_path / "street.sfm", manifest, files)
    return ["evaluate", "--model", str(tmp_path / "street.sfm"), "--allow-unsigned",
            "--data", str(tmp_path / "street.json"), "--classes", "person,car"]  # fmt: skip


def measured(out):
    (model,) = json.loads((out / "metrics.json").read_text())["models"]
    return model


@pytest.mark.slow
def test_a_bundle_leaks_at_its_own_thresholds_unless_told_otherwise(street, tmp_path):
    leaks = {}
    for name, words in (("own", []), ("told", ["--conf", "0.25"])):
        assert main([*street, *words, "--out", str(tmp_path / name)]) == 0
        leaks[name] = measured(tmp_path / name)["classes"]
    assert (leaks["own"]["car"]["threshold"], leaks["told"]["car"]["threshold"]) == (0.05, 0.25)
    assert leaks["own"]["car"]["pixel_leak"] < leaks["told"]["car"]["pixel_leak"]
    assert leaks["own"]["car"]["over_redaction"] > leaks["told"]["car"]["over_redaction"]
    assert leaks["own"]["person"]["threshold"] == 0.25
    assert leaks["own"]["person"]["pixel_leak"] == leaks["told"]["person"]["pixel_leak"]


@pytest.mark.slow
def test_a_margin_hides_more(street, tmp_path):
    leaks = []
    for margin in ("0", "0.05"):
        assert main([*street, "--margin", margin, "--out", str(tmp_path / margin)]) == 0
        leaks.append(measured(tmp_path / margin))
    assert [leak["margin"] for leak in leaks] == [0, 0.05]
    assert leaks[0]["pixel_leak"] > leaks[1]["pixel_leak"]
    assert leaks[0]["over_redaction"] < leaks[1]["over_redaction"]


@pytest.mark.slow
def test_a_sweep_proposes_thresholds_and_draws_them(squares, seeing_weights, tmp_path, capsys):
    words = ["--model", str(seeing_weights), "--data", str(squares), "--size", "96"]
    out = tmp_path / "report"
    assert main(["evaluate", *words, "--device", "cpu", "--out", str(out), "--sweep"]) == 0
    said = capsys.readouterr().out
    assert "pixel leak" in said
    assert "sweep.json and sweep.png" in said
    (found,) = json.loads((out / "sweep.json").read_text())["networks"]
    assert (found["model"], len(found["sha256"])) == ("seeing", 64)
    assert found["thresholds"]
    assert found["thresholds"].keys() <= found["classes"].keys() == set(CLASSES)
    for name, threshold in found["thresholds"].items():
        assert threshold in [row["threshold"] for row in found["classes"][name]]
        assert f"-> {threshold:g}" in next(x for x in said.splitlines() if "->" in x and name in x)
    at = {row["threshold"]: row for row in found["classes"]["cup"]}[0.25]
    assert at["pixel_leak"] == measured(out)["classes"]["cup"]["pixel_leak"]
    assert size_of(out / "sweep.png")[0] > 500


@pytest.mark.slow
def test_each_network_gets_thresholds_of_its_own(squares, seeing_weights, seeing_export, tmp_path):
    file, out = seeing_export[0], tmp_path / "report"
    words = ["--model", str(seeing_weights), str(file), "--data", str(squares), "--device", "cpu"]
    assert main(["evaluate", *words, "--out", str(out), "--sweep"]) == 0
    networks = json.loads((out / "sweep.json").read_text())["networks"]
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (seeing_weights, file)]
    assert [one["sha256"] for one in networks] == files
    assert all(one["thresholds"] for one in networks)
    for name in ("sweep-1.png", "sweep-2.png"):
        assert size_of(out / name)[0] > 500
    own = [read_thresholds(out / "sweep.json", CLASSES, sha256) for sha256 in files]
    assert own == [one["thresholds"] for one in networks]


@pytest.mark.slow
def test_one_file_of_a_bundle_is_measured_at_its_own_thresholds(data, street, tmp_path, capsys):
    model = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    manifest, files = import_onnx(model, "street", classes=["person", "car"])
    half = halved(model)
    spec = NetworkSpec.of(NETWORK_PATHS["fp16"], half)
    both = manifest.model_copy(
        update={
            "thresholds": {"car": 0.3},
            "files": manifest.files
            | {"fp16": spec.model_copy(update={"thresholds": {"car": 0.07}})},
        }
    )
    write_bundle(tmp_path / "street.sfm", both, {**files, "fp16": half})
    assert main([*street, "--precision", "fp16", "--out", str(tmp_path / "half")]) == 0
    found = measured(tmp_path / "half")
    assert (found["name"], found["sha256"]) == ("street (fp16)", spec.sha256)
    assert found["classes"]["car"]["threshold"] == 0.07
    capsys.readouterr()
    assert main([*street, "--precision", "uint8"]) == 5
    assert "has no uint8 model, only fp32, fp16" in capsys.readouterr().err


def test_a_sweep_needs_a_place(squares, capsys):
    assert main(["evaluate", "--model", "a.pth", "--data", str(squares), "--sweep"]) == 2
    said = capsys.readouterr().err
    assert "--sweep writes into --out DIR" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("margin", ["0.6", "-1", "wide"])
def test_a_margin_that_makes_no_sense_is_refused(margin):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--model", "x.pth", "--data", "x.json", "--margin", margin])
    assert ended.value.code == 2


def test_help_says_what_leaks(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    said = capsys.readouterr().out
    assert "over-redaction" in said
    assert "sfumato-distill pack --thresholds" in said
    assert "No tracker helps" in said
