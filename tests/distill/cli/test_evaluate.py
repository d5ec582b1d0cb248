"""`sfumato-distill evaluate` on real networks, in weights, ONNX and bundles."""

import json

import pytest
from evaluating import truth, world

from distill.cli import main
from distill.data.coco import write_coco
from distill.data.images import size_of
from models.coco_names import COCO_NAMES

CLASSES = ("bottle", "can", "cup")


@pytest.fixture
def squares(tmp_path):
    """A data set of four images of the classes that the small network knows."""
    dataset = world(tmp_path, [[truth((i % 3, 10, 10, 60, 70))] for i in range(4)], CLASSES)
    write_coco(tmp_path / "val.json", CLASSES, dataset.images, {})
    return tmp_path / "val.json"


@pytest.mark.slow
def test_weights_are_measured_and_a_report_is_written(squares, seeing_weights, tmp_path, capsys):
    out = tmp_path / "report"
    words = ["--model", str(seeing_weights), "--data", str(squares), "--out", str(out)]
    assert main(["evaluate", *words, "--size", "96", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "val.json: 4 images, 4 objects" in said
    assert "mask mAP 50:95" in said
    assert "ms an image" in said
    (model,) = json.loads((out / "metrics.json").read_text())["models"]
    assert (model["name"], model["images"], len(model["sha256"])) == ("seeing", 4, 64)
    assert 0 <= model["mask_map50"] <= 1
    for name in ("pr.png", "worst.png"):
        assert size_of(out / name)[0] > 500


@pytest.mark.slow
def test_predictions_are_written_for_cocos_tools(squares, seeing_weights, tmp_path, capsys):
    finds = tmp_path / "finds.json"
    words = ["--model", str(seeing_weights), "--data", str(squares), "--device", "cpu"]
    words += ["--size", "96", "--predictions", str(finds)]
    assert main(["evaluate", *words]) == 0
    rows = json.loads(finds.read_bytes())
    assert f"wrote {len(rows)} predictions to {finds}" in capsys.readouterr().out
    assert rows
    for row in rows:
        assert row.keys() == {"image_id", "category_id", "bbox", "score", "segmentation"}
        assert row["image_id"] in range(1, 5)
        assert row["category_id"] in range(1, 4)
        assert row["segmentation"]["size"] == [96, 128]
    before = squares.read_bytes()
    assert main(["evaluate", *words[:-1], str(squares)]) == 4
    assert squares.read_bytes() == before
    assert main(["evaluate", *words, "--model", str(seeing_weights)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "is there already" in said[0]
    assert "name one --model" in said[1]


@pytest.mark.slow
def test_before_and_after_are_one_table(squares, seeing_weights, capsys):
    model = str(seeing_weights)
    words = ["--model", model, model, "--data", str(squares), "--size", "96"]
    assert main(["evaluate", *words, "--device", "cpu", "--classes", "cup,bottle"]) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("mask mAP 50 "))
    first, second, change = row.split()[3:]
    assert (first, change) == (second, "+0.000")
    assert "can (" not in said


@pytest.mark.slow
def test_a_class_that_the_network_lacks_is_named(squares, seeing_weights, capsys):
    text = squares.read_text().replace('"can"', '"botle"')
    squares.write_text(text)
    words = ["--model", str(seeing_weights), "--data", str(squares), "--device", "cpu"]
    assert main(["evaluate", *words]) == 5
    said = capsys.readouterr().err
    assert "does not know 'botle', which the data set has; it has 'bottle'" in said
    assert said.count("\n") == 1


@pytest.fixture
def street(data, tmp_path):
    """Photos with people, in COCO's form."""
    main(["labels", "from-yolo", str(data / "coco128-seg"), "--names", "coco",
          "--out", str(tmp_path / "all.json")])  # fmt: skip
    whole = json.loads((tmp_path / "all.json").read_text())
    people = COCO_NAMES.index("person") + 1
    with_people = {a["image_id"] for a in whole["annotations"] if a["category_id"] == people}
    whole["images"] = [i for i in whole["images"] if i["id"] in sorted(with_people)[:20]]
    kept = {image["id"] for image in whole["images"]}
    whole["annotations"] = [a for a in whole["annotations"] if a["image_id"] in kept]
    (tmp_path / "street.json").write_text(json.dumps(whole))
    return tmp_path / "street.json"


@pytest.mark.slow
def test_an_onnx_file_runs_in_the_devices_code(data, street, capsys):
    model = data / "weights" / "coco-yolov8n-seg-320.onnx"
    capsys.readouterr()
    words = ["--model", str(model), "--data", str(street), "--classes", "person"]
    assert main(["evaluate", *words]) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("mask mAP 50 "))
    assert float(row.split()[-1]) > 0.3


@pytest.mark.slow
def test_a_bundle_is_trusted_or_allowed_first(data, street, tmp_path, capsys):
    from models.bundle import write_bundle
    from models.importing import import_onnx

    model = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    manifest, files = import_onnx(model, "street", classes=["person"])
    bundle = tmp_path / "street.sfm"
    over = manifest.model_copy(update={"expires": manifest.created})  # it is not installed here
    write_bundle(bundle, over, files)
    words = ["--model", str(bundle), "--data", str(street), "--classes", "person"]
    assert main(["evaluate", *words]) == 5
    assert "unsigned" in capsys.readouterr().err
    assert main(["evaluate", *words, "--allow-unsigned"]) == 0
    assert main(["evaluate", *words[:-2], "--allow-unsigned"]) == 5
    assert "street does not know 'bicycle'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--model", "x.pth", "--data", "none.json"], 3, "none.json can't be read"),
        (["--model", "x.pth", "--data", "VAL"], 5, "x.pth"),
        (["--model", "x.onnx", "--data", "VAL"], 3, "x.onnx can't be read"),
        (["--model", "x.txt", "--data", "VAL"], 2, "end in .pth"),
        (["--model", "x.pth", "--data", "VAL", "--classes", "botle"], 3, "did you mean 'bottle'"),
        (["--model", "x.pth", "--data", "VAL", "--out", "VAL"], 4, "can't be written"),
    ],
)
def test_faults_are_one_line_and_have_their_exit_codes(squares, capsys, words, code, reason):
    assert main(["evaluate", *[str(squares) if word == "VAL" else word for word in words]]) == code
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [["--conf", "2"], ["--size", "100"], ["--classes", "a,,b"]])
def test_words_that_make_no_sense_are_refused(words):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--model", "x.pth", "--data", "x.json", *words])
    assert ended.value.code == 2


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    said = capsys.readouterr().out
    assert "metrics.json, pr.png" in said
    assert "--allow-unsigned" in said
