"""The bundle that ships with the project: what it says of itself is so."""

import json
from pathlib import Path

import pytest

from agent.cli import main as sfumato
from distill.cli import main
from distill.pack.shapes import shapes_of
from distill.student.config import read_config
from models.bundle import Bundle
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.runtime.choose import choose_network
from models.self_test import self_test
from models.signing import PublicKey

FOLDER = Path(__file__).resolve().parents[2] / "models" / "demo"
IMAGES = 1000


@pytest.fixture(scope="module")
def bundle():
    key = PublicKey.from_line((FOLDER / "demo.pub").read_text("ascii"))
    return Bundle.open(FOLDER / "bottles.sfm", [key])


def test_it_is_small_and_has_a_teacher(bundle):
    assert (FOLDER / "bottles.sfm").stat().st_size <= 10_000_000
    assert bundle.manifest.teacher is not None
    assert bundle.manifest.golden_files
    assert set(bundle.manifest.thresholds) == {"bottle"}


def test_each_of_its_files_sees_what_it_should_at_every_size(bundle):
    manifest = bundle.manifest
    assert [*manifest.files] == ["fp16", "uint8"]
    assert manifest.outputs == RAW_OUTPUTS
    assert manifest.sizes == shapes_of(manifest.input.width)[1:]
    assert {frame.size for frame in manifest.golden_files} == {None, *manifest.sizes}
    network = choose_network(bundle, precision="fp16").network
    assert self_test(bundle, network).compared >= len(manifest.golden_files)
    assert choose_network(bundle).precision in manifest.files


def test_what_made_it_can_be_read(bundle):
    config = read_config(FOLDER / "distill.yaml")
    assert config.student.classes == tuple(spec.name for spec in bundle.manifest.classes)
    assert config.student.image_size == bundle.manifest.input.width


def test_the_table_has_its_figures(bundle, capsys):
    assert sfumato(["model", "show", str(FOLDER / "bottles.sfm"), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    table = (FOLDER / "table.md").read_text("utf-8")
    for name in ("mask_map", "control_mask_map", "teacher_mask_map"):
        assert f"{100 * metrics[name]:.1f}" in table
    assert metrics["mask_map"] == bundle.manifest.metrics["mask_map"]


@pytest.mark.slow
def test_a_fresh_test_set_gives_the_same_figure(bundle, tmp_path, capsys):
    scenes = tmp_path / "scenes"
    words = ["--domain", "b", "--size", "320x240", "--seed", "4711", "--workers", "2"]
    assert main(["synth", "--out", str(scenes), "--images", str(IMAGES), *words]) == 0
    words = ["--model", str(FOLDER / "bottles.sfm"), "--trust", str(FOLDER / "demo.pub")]
    data = ["--data", str(scenes / "annotations.json"), "--out", str(tmp_path / "report")]
    assert main(["evaluate", *words, *data]) == 0, capsys.readouterr().err
    (report,) = json.loads((tmp_path / "report/metrics.json").read_bytes())["models"]
    found = report["mask_map"]
    assert found == pytest.approx(bundle.manifest.metrics["mask_map"], abs=0.02)
