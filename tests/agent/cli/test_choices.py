"""Which of a bundle's files a command runs, what it says of it, and what it remembers."""

import json
from pathlib import Path

import numpy as np
import pytest
from networks import PLACE
from PIL import Image
from precisions import BLIND, CUT, QUANTISED, SLOW, SWAPPED, scene, write_precisions
from worlds import Thing, World, leaks, linear, lumas

from agent.cli import main
from agent.cli.choices import user_choices


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Somebody stands where the networks look."""
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=12)
    return world.write(tmp_path_factory.mktemp("clip") / "street.mp4")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Where commands remember."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sfumato" / "network-choices.json"


@pytest.fixture
def blurred(clip, tmp_path, capsys, cache):
    """Run `sfumato blur`: what it says, its report on the model, and how many tracks it hid."""
    assert not cache.exists()

    def run(models, specs=None, code=0, *, golden=True):
        bundle = write_precisions(tmp_path / "x.sfm", models, specs, golden=golden)
        target, report = tmp_path / "out.mp4", tmp_path / "r.json"
        words = [clip, target, "--model", bundle, "--report", report, "--classes", "person"]
        more = ["--allow-unsigned", "--overwrite", "--effect", "solid", "--margin", "0.06"]
        assert main(["blur", *map(str, words), *more]) == code
        said = capsys.readouterr().err
        if code:
            return said
        told = json.loads(report.read_text())
        return said, told["model"], len(told["tracks"])

    return run


def test_what_is_faster_runs_and_hides(blurred, cache, tmp_path):
    said, model, tracks = blurred({"fp32": SLOW, "uint8": QUANTISED})
    assert (model["precision"], tracks) == ("uint8", 1)
    assert model["reason"] == "of uint8, fp32 this machine runs uint8 best"
    assert [line.partition(":")[0] for line in model["candidates"]] == [
        "tensorrt",
        "onnxruntime-cuda",
        "uint8 on onnxruntime-cpu",
        "fp32 on onnxruntime-cpu",
    ]
    assert "onnxruntime" not in said  # nor that it lacks a runtime: that is no fault
    assert not leaks(lumas(tmp_path / "out.mp4"))
    assert cache.exists()


@pytest.mark.parametrize("faulty", [CUT, BLIND, SWAPPED], ids=["cut", "blind", "swapped"])
def test_a_bundle_of_which_one_file_is_faulty_runs_by_the_other_and_says_so(
    blurred, tmp_path, faulty
):
    said, model, tracks = blurred({"fp32": SLOW, "uint8": faulty})
    assert (model["precision"], tracks) == ("fp32", 1)
    (line,) = [line for line in said.splitlines() if "onnxruntime" in line]
    assert (
        line == f"sfumato: warning: {model['candidates'][2]}; fp32 on onnxruntime-cpu runs instead"
    )
    assert not leaks(lumas(tmp_path / "out.mp4"))


def test_where_fp32_fails_its_own_test_nothing_is_written(blurred, tmp_path, cache):
    said = blurred({"fp32": BLIND, "uint8": QUANTISED}, code=5)
    assert said.startswith("sfumato: bundle world fails its own test on this machine (fp32")
    assert said.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()
    assert not cache.exists()


def test_the_scores_of_the_file_that_runs_decide_what_is_hidden(blurred):
    """The person scores 0.9 in both."""
    strict = {"uint8": {"thresholds": {"person": 0.95}}}
    _, model, tracks = blurred({"fp32": SLOW, "uint8": QUANTISED}, strict)
    assert (model["precision"], tracks) == ("uint8", 0)
    _, model, tracks = blurred({"fp32": SLOW, "uint8": CUT}, strict)
    assert (model["precision"], tracks) == ("fp32", 1)


def test_images_are_hidden_by_the_scores_of_the_file_that_runs(tmp_path, capsys, cache):
    Image.fromarray(scene()).save(tmp_path / "in.png")
    for models, count in (
        ({"fp32": SLOW, "uint8": QUANTISED}, 0),
        ({"fp32": SLOW, "uint8": CUT}, 1),
    ):
        own = {"uint8": {"thresholds": {"person": 0.95}}}
        bundle = write_precisions(tmp_path / "x.sfm", models, own)
        words = ["--model", str(bundle), "--allow-unsigned", "--overwrite"]
        assert (
            main(["redact-image", str(tmp_path / "in.png"), str(tmp_path / "o.png"), *words]) == 0
        )
        said = capsys.readouterr().err
        assert f": {count} object" in said
        assert ("fp32 on onnxruntime-cpu runs instead" in said) == bool(count)
        changed = (np.asarray(Image.open(tmp_path / "o.png")) != scene()).any()
        assert changed == bool(count)
    assert cache.exists()


def test_what_is_remembered_is_what_runs(blurred, cache):
    blurred({"fp32": SLOW, "uint8": QUANTISED})
    kept = json.loads(cache.read_text())
    ((key, choice),) = kept["choices"].items()
    (*_, fast, plain) = choice
    cpu = "onnxruntime-cpu"
    said = [[fast[0], "passed", "as if", cpu], [plain[0], "chosen", "slower", cpu]]
    kept["choices"][key] = said
    cache.write_text(json.dumps(kept))
    _, model, _ = blurred({"fp32": SLOW, "uint8": QUANTISED})
    assert model["precision"] == "fp32"
    assert model["candidates"] == [
        "uint8 on onnxruntime-cpu: as if",
        "fp32 on onnxruntime-cpu: slower",
    ]


@pytest.mark.parametrize("place", ["damaged", "in the way"])
def test_without_a_memory_all_is_tried_anew(blurred, cache, place):
    folder = cache.parent if place == "damaged" else cache.parent.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    if place == "damaged":
        folder.mkdir()
        cache.write_bytes(b"\0" * 100)
    else:
        folder.write_text("no folder")
    _, model, tracks = blurred({"fp32": SLOW, "uint8": QUANTISED})
    assert (model["precision"], tracks) == ("uint8", 1)


def test_where_there_is_nothing_to_find_out_nothing_is_written(blurred, cache):
    for models in ({"fp32": SLOW}, {"fp32": SLOW, "int8": QUANTISED}):
        theirs = {"int8": {"runtimes": ("tensorrt",)}}
        _, model, _ = blurred(models, theirs, golden=False)
        assert model["precision"] == "fp32"
        assert not cache.parent.exists()


@pytest.mark.parametrize("named", ["", "relative/place"])
def test_the_folder_is_the_homes_unless_another_is_named(tmp_path, monkeypatch, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.chdir(tmp_path)
    user_choices().put("0" * 64, ())
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.relative_to(tmp_path) == Path(".cache/sfumato/network-choices.json")
