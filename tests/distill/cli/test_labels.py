"""`sfumato-distill labels` as a person types it."""

import json

import pytest
from labelled import data_set

from distill.cli import main
from distill.data.coco import CocoDataset


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


def test_show_counts_by_class_band_and_clip(master, capsys):
    assert main(["labels", "show", str(master)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["bottle", "2", "0", "1"] in lines
    assert ["cup", "1", "1", "0"] in lines
    assert ["street", "2", "2"] in lines
    assert ["yard", "2", "1"] in lines
    assert ["2", "tracks"] in lines


def test_show_says_what_is_wrong(master, capsys):
    whole = json.loads(master.read_text())
    whole["annotations"][0]["bbox"] = [0, 0, 0, 0]
    master.write_text(json.dumps(whole))
    assert main(["labels", "show", str(master)]) == 0
    assert (
        "annotation 1 has a box without area; that of its mask is used" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("form", "file"),
    [("yolo", "data.yaml"), ("cvat", "cvat.zip"), ("label-studio", "tasks.json")],
)
def test_export_writes_what_the_tool_wants(master, tmp_path, capsys, form, file):
    out = tmp_path / "out"
    assert main(["labels", "export", str(master), "--format", form, "--out", str(out)]) == 0
    assert (out / file).is_file()
    assert "wrote 4 images and 3 objects, 2 regions that don't count to" in capsys.readouterr().out
    assert main(["labels", "export", str(master), "--format", form, "--out", str(out)]) == 4
    assert "is not empty; name a new folder" in capsys.readouterr().err


def test_corrections_come_back(master, tmp_path, capsys):
    out = tmp_path / "out"
    main(["labels", "export", str(master), "--format", "cvat", "--out", str(out)])
    assert main(["labels", "import", str(out / "cvat.zip"), "--into", str(master.parent)]) == 0
    assert "4 images came back as they were" in capsys.readouterr().out
    path = out / "annotations" / "instances_default.json"
    whole = json.loads(path.read_text())
    whole["annotations"] = whole["annotations"][1:]
    path.write_text(json.dumps(whole))
    assert main(["labels", "import", str(path), "--into", str(master)]) == 0
    said = capsys.readouterr().out
    assert "1 images corrected (1 objects), 3 confirmed" in said
    assert "annotations.json.1" in said
    assert len(CocoDataset.read(master).images[0].annotations) == 1


def test_an_import_counts_what_does_not_count_and_what_it_left(master, tmp_path, capsys):
    whole = json.loads(master.read_text())
    whole["annotations"][0] |= {"segmentation": []}  # a rectangle
    del whole["annotations"][2]["segmentation"], whole["annotations"][2]["bbox"]
    path = tmp_path / "corrected.json"
    path.write_text(json.dumps(whole))
    assert main(["labels", "import", str(path), "--into", str(master)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("2 images corrected (3 objects, 1 regions that don't count), 1 conf")
    assert last == "1 images hold something that can't be read, and are left as they were"
    for annotation in whole["annotations"]:
        annotation.pop("segmentation", None)
        annotation.pop("bbox", None)
    whole["images"] = whole["images"][:3]
    path.write_text(json.dumps(whole))
    before = master.read_bytes()
    assert main(["labels", "import", str(path), "--into", str(master)]) == 3
    assert master.read_bytes() == before


def test_yolo_becomes_coco_and_overwrites_nothing(master, tmp_path, capsys):
    out = tmp_path / "out"
    main(["labels", "export", str(master), "--format", "yolo", "--out", str(out)])
    coco = tmp_path / "coco.json"
    words = ["labels", "from-yolo", str(out / "data.yaml"), "--out", str(coco)]
    assert main(words) == 0
    assert "wrote 4 images and 3 objects" in capsys.readouterr().out
    assert main(words) == 4
    assert "is there already" in capsys.readouterr().err
    coco.unlink()
    assert main([*words, "--split", "val"]) == 0
    assert len(CocoDataset.read(coco).images) == 2


def test_yolo_folders_take_cocos_names(data, tmp_path, capsys):
    source, coco = str(data / "coco128-seg"), str(tmp_path / "coco.json")
    assert main(["labels", "from-yolo", source, "--out", coco]) == 3
    assert "say them with --names" in capsys.readouterr().err
    assert main(["labels", "from-yolo", source, "--names", "coco", "--out", coco]) == 0
    assert "wrote 128 images and 929 objects" in capsys.readouterr().out
    assert main(["labels", "from-yolo", source, "--split", "val", "--out", f"{coco}2"]) == 2


def test_faults_have_their_exit_codes(tmp_path, capsys):
    assert main(["labels", "show", str(tmp_path / "none.json")]) == 3
    assert capsys.readouterr().err.count("\n") == 1
