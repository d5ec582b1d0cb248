"""`sfumato-distill teacher`, as typed."""

import argparse
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from distill.cli import main
from distill.cli import teacher as command
from distill.weights.fetch import PUBLISHED
from models.errors import ModelError
from models.nets.checkpoint import read_checkpoint

NAMES = ("bottle", "can", "cup")


@pytest.fixture
def teacher(capsys):
    """Run the command; returns its exit code and what it printed."""

    def run(*words, code=0):
        parser = argparse.ArgumentParser("sfumato-distill")
        command.add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["teacher", *map(str, words)])
        assert args.run(args) == code
        return capsys.readouterr().out

    return run


@pytest.fixture
def published(seeing_net, tmp_path):
    path = tmp_path / "teacher.pth"
    meta = {"dataset_meta": {"classes": NAMES}}
    torch.save(
        {"meta": meta, "state_dict": seeing_net.state_dict()},
        path,
        _use_new_zipfile_serialization=False,
    )
    return path


@pytest.mark.slow
def test_a_published_file_becomes_safetensors(teacher, published, tmp_path):
    out = tmp_path / "teacher.safetensors"
    said = teacher("convert", published, out)
    assert said == f"{out}: RTMDet-Ins tiny, 3 classes: bottle, can, cup\n"
    read = read_checkpoint(out)
    assert (read.size, read.classes, read.source) == ("tiny", NAMES, "teacher.pth")
    assert read.source_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    again = tmp_path / "again.safetensors"
    teacher("convert", out, again)
    assert read_checkpoint(again).source_sha256 == read.source_sha256


@pytest.mark.slow
def test_a_file_is_shown_to_people_and_to_programs(teacher, seeing_weights):
    said = teacher("show", seeing_weights)
    assert "3 classes: bottle, can, cup" in said
    assert "128x128" in said
    digest = hashlib.sha256(seeing_weights.read_bytes()).hexdigest()
    assert digest in said
    told = json.loads(teacher("show", seeing_weights, "--json"))
    assert told["sha256"] == digest
    assert told["size"] == "tiny"
    assert told["classes"] == list(NAMES)
    assert told["parameters"] > 5_600_000
    assert f"{told['parameters']:,}" in said


@pytest.mark.slow
def test_classes_that_a_file_does_not_name_are_given(teacher, seeing_net, tmp_path):
    path = tmp_path / "bare.pth"
    torch.save(seeing_net.state_dict(), path)
    with pytest.raises(ModelError, match="name them"):
        teacher("show", path)
    assert "a, b, c" in teacher("show", path, "--names", "a,b,c")


@pytest.mark.slow
def test_names_that_are_given_win_over_those_of_the_file(teacher, seeing_weights, tmp_path):
    path = tmp_path / "named.safetensors"
    teacher("convert", seeing_weights, path, "--names", "a,b,c")
    assert "3 classes: a, b, c" in teacher("show", path)


@pytest.mark.slow
def test_an_export_is_written_once_it_is_checked(seeing_export):
    path, said = seeing_export
    assert f"{path}: rtmdet_ins 128x128, 3 classes: bottle, can, cup" in said
    assert "batch 3: raw outputs" in said
    assert "OUT OF TOLERANCE" not in said
    assert path.stat().st_size > 20_000_000
    assert {each.suffix for each in path.parent.iterdir()} == {".onnx", ".safetensors"}


def test_what_can_not_be_exported_leaves_nothing(seeing_weights, tmp_path, capsys):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(seeing_weights.read_bytes()[:-100])
    assert main(["teacher", "export", str(bad), str(tmp_path / "x.onnx")]) == 5
    assert "cut short" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["bad.safetensors"]


@pytest.fixture
def mirror(monkeypatch):
    """A web server that has one published file, and nothing else."""
    content = b"weights" * 1000
    name = f"rtmdet-ins_s_8xb32-300e_coco_20221121_212604-{hashlib.sha256(content).hexdigest()[:8]}"
    monkeypatch.setitem(PUBLISHED, "s", f"{name}.pth")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.endswith(f"/{name}.pth"):
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_fetch_says_where_the_file_is(teacher, mirror, tmp_path):
    said = teacher("fetch", "s", "--out", tmp_path / "weights", "--url", mirror)
    assert said == f"{tmp_path / 'weights' / PUBLISHED['s']}\n"


def test_a_fetch_that_fails_ends_with_3_and_says_what_to_do(mirror, tmp_path, capsys):
    assert main(["teacher", "fetch", "l", "--out", str(tmp_path), "--url", mirror]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"download {mirror}/rtmdet-ins_l_8xb32-300e_coco/" in said
    assert f"put it at {tmp_path}" in said


def test_what_can_not_be_used_ends_with_5_in_one_line(published, capsys):
    published.write_bytes(published.read_bytes()[:1_000_000])
    assert main(["teacher", "show", str(published)]) == 5
    said = capsys.readouterr().err
    assert (
        said
        == f"sfumato-distill: {published}: cut short or no PyTorch checkpoint; fetch it again\n"
    )


@pytest.mark.slow
def test_what_can_not_be_written_ends_with_4(published, tmp_path, capsys):
    out = tmp_path / "no" / "such.safetensors"
    assert main(["teacher", "convert", str(published), str(out)]) == 4
    assert f"{out} can't be written" in capsys.readouterr().err


def test_what_is_no_fixture_ends_with_3(tmp_path, capsys):
    path = tmp_path / "x.npz"
    path.write_bytes(b"nothing")
    assert main(["teacher", "parity", str(path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["fetch", "huge"],
        ["export", "a.pth", "b.onnx", "--size", "100"],
        ["show", "a", "--names", ","],
    ],
)
def test_words_that_make_no_sense_end_with_2(words):
    with pytest.raises(SystemExit) as caught:
        main(["teacher", *words])
    assert caught.value.code == 2
