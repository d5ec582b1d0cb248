"""The bundle that a command names, as typed."""

import argparse
import json
import re
import shlex
import shutil
import subprocess

import pytest
from worlds import write_world_bundle

from agent.cli import main
from agent.cli.files import add_model_arguments, open_bundle
from agent.errors import UsageError
from agent.hidden import hidden_classes
from agent.settings import BlurSettings
from models.archive import MANIFEST, read_archive, write_archive
from models.errors import BundleError


@pytest.fixture
def expired(tmp_path):
    """An unsigned bundle whose time was over in February 2026."""
    path = write_world_bundle(tmp_path / "old.sfm")
    files = read_archive(path)
    manifest = json.loads(files[MANIFEST]) | {"expires": "2026-02-03T00:00:00Z"}
    write_archive(path, files | {MANIFEST: json.dumps(manifest).encode()})
    return path


def opened(*words):
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    return open_bundle(parser.parse_args([*map(str, words)]))


def test_an_expired_bundle_runs_only_where_a_person_says_so(expired):
    words = ["--model", expired, "--allow-unsigned"]
    with pytest.raises(
        BundleError, match=r"old\.sfm: the bundle expired on 2026-02-03.*--allow-exp"
    ):
        opened(*words)
    assert opened(*words, "--allow-expired").manifest.name == "world"


@pytest.mark.parametrize("command", ["blur", "redact-image"])
def test_the_error_names_the_option_and_leaves_no_output(expired, tmp_path, capsys, command):
    words = [command, tmp_path / "in.png", tmp_path / "out.png", "--model", expired]
    assert main([*map(str, words), "--allow-unsigned"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "expired" in line
    assert "--allow-expired" in line
    assert not (tmp_path / "out.png").exists()
    main([*map(str, words), "--allow-unsigned", "--allow-expired"])
    assert "expired" not in capsys.readouterr().err


@pytest.fixture
def onnx_file(data, tmp_path):
    return shutil.copy(data / "weights" / "coco-yolov8n-seg-320.onnx", tmp_path / "my street.onnx")


@pytest.mark.slow
@pytest.mark.usefixtures("onnx_file")
@pytest.mark.parametrize("command", ["blur", "redact-image"])
def test_a_network_says_by_which_commands_it_becomes_a_bundle(
    tmp_path, capsys, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    words = [command, "in.png", "out.png", "--model", "my street.onnx"]
    assert main(words) == 5
    (line,) = capsys.readouterr().err.splitlines()
    said = re.findall(r"`(.*?)`", line)
    assert said == [
        "sfumato model import 'my street.onnx' --out 'my street.sfm'",
        "sfumato model sign 'my street.sfm' --key KEY.key",
    ]
    assert line.endswith("or run it as it is with --allow-unsigned")
    # What it says works.
    assert main(["model", "keygen", "KEY"]) == 0
    for command_line in said:
        assert main(shlex.split(command_line)[1:]) == 0
    assert opened("--model", "my street.sfm", "--trust", "KEY.pub").manifest.name == "my-street"


def test_a_network_runs_as_it_is_where_a_person_says_so(onnx_file):
    bundle = opened("--model", onnx_file, "--allow-unsigned")
    assert (bundle.signed_by, bundle.manifest.name) == (None, "my-street")
    assert bundle.model_bytes("fp32") == onnx_file.read_bytes()
    assert len(bundle.manifest.classes) == 80


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't read the model (No such file"),
        (b"<html>", "can't load the model"),
        (b"", "the model is empty; copy or download it again"),
    ],
)
@pytest.mark.parametrize("word", [[], ["--allow-unsigned"]])
def test_what_is_no_network_is_named(tmp_path, capsys, content, message, word):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    assert main(["redact-image", "in.png", "out.png", "--model", str(path), *word]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sfumato: {path}: {message}")


@pytest.mark.slow
def test_a_video_is_redacted_in_one_step(onnx_file, data, tmp_path, capsys):
    clip = tmp_path / "clip.mp4"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        data / "videos" / "bedroom.mp4",
        "-frames:v",
        "6",
        clip,
    ]
    subprocess.run(command, check=True)
    words = ["--model", str(onnx_file), "--allow-unsigned", "--classes", "person"]
    assert main(["blur", str(clip), str(tmp_path / "out.mp4"), *words]) == 0
    said = capsys.readouterr().err
    assert "2 objects hidden" in said
    assert "nobody signed the model my-street" in said


def test_every_class_of_a_name_is_hidden(tmp_path):
    """By its number: the second one as surely as the first, with the score of their name."""
    path = write_world_bundle(tmp_path / "twice.sfm")
    files = read_archive(path)
    manifest = json.loads(files[MANIFEST])
    for spec, name in zip(manifest["classes"], ("person", "cup, paper", "person"), strict=True):
        spec["name"] = name
    manifest["thresholds"] = {"person": 0.4}
    write_archive(path, files | {MANIFEST: json.dumps(manifest).encode()})
    bundle = opened("--model", path, "--allow-unsigned")
    ids = [spec["id"] for spec in manifest["classes"]]
    for asked, numbers in (
        (("person",), [ids[0], ids[2]]),
        (("Person ",), [ids[0], ids[2]]),
        (("cup, paper",), [ids[1]]),
        ((), ids),
    ):
        hidden = hidden_classes(bundle, BlurSettings(classes=asked))
        assert sorted(hidden.labels) == sorted(hidden.scores) == sorted(numbers)
        for number in numbers:
            assert hidden.scores[number] == (0.25 if number == ids[1] else 0.4)
    with pytest.raises(UsageError, match=r"no class 'pers'; did you mean 'person'\?"):
        hidden_classes(bundle, BlurSettings(classes=("pers",)))
