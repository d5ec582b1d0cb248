"""`sfumato model`, as typed."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import stat

import numpy as np
import pytest

from agent.cli import main
from agent.cli import model as command
from agent.cli.bars import wasted_on_bars
from agent.errors import InputError, OutputError, UsageError
from models.archive import MANIFEST, read_archive, write_archive
from models.bundle import Bundle, write_bundle
from models.decode.rtmdet_ins import OUTPUT_NAMES
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.errors import BundleError, ModelError, TrustError
from models.importing import import_onnx
from models.manifest import NETWORK_PATHS, NetworkSpec
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.signing import load_public


@pytest.fixture
def sfumato(capsys):
    """Run the command; returns what it printed."""

    def run(*words):
        parser = argparse.ArgumentParser("sfumato")
        command.add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["model", *map(str, words)])
        assert args.run(args) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="session")
def yolo(data):
    return data / "weights" / "coco-yolov8n-seg-320.onnx"


@pytest.fixture
def keys(sfumato, tmp_path):
    sfumato("keygen", tmp_path / "office")
    return tmp_path / "office.key", tmp_path / "office.pub"


@pytest.fixture
def bundle(sfumato, yolo, tmp_path):
    sfumato("import", yolo, "--classes", "person,car", "--out", tmp_path / "pc.sfm")
    return tmp_path / "pc.sfm"


def test_an_ordinary_export_becomes_a_bundle(sfumato, yolo, tmp_path):
    out = tmp_path / "pc.sfm"
    said = sfumato("import", yolo, "--classes", "person,car", "--out", out)
    assert (
        said
        == f"{out}: yolo_seg 320x320, hides person, car; unsigned, so it needs --allow-unsigned\n"
    )
    opened = Bundle.open(out, allow_unsigned=True)
    assert opened.model_bytes("fp32") == yolo.read_bytes()
    assert opened.manifest.name == "pc"


def test_a_bundle_can_be_named_and_signed_at_once(sfumato, yolo, tmp_path, keys):
    out = tmp_path / "x.sfm"
    said = sfumato("import", yolo, "--out", out, "--name", "coco", "--key", keys[0])
    key = load_public(keys[1])
    assert f"signed by {key.id}" in said
    assert "airplane, bus and 74 more" in said
    assert Bundle.open(out, [key]).manifest.name == "coco"


def test_other_networks_are_described(sfumato, data, tmp_path):
    weights, out = data / "weights" / "rtmdet-nano-person.onnx", tmp_path / "p.sfm"
    described = ["--family", "boxes", "--layout", "dets", "--names", "person", "--size", "320x256"]
    fed = ["--colour", "rgb", "--mean", "1,2,3", "--std", "4,5,6", "--letterbox", "centre"]
    sfumato("import", weights, "--out", out, *described, *fed, "--pad", "0")
    manifest = Bundle.open(out, allow_unsigned=True).manifest
    assert manifest.layout == "dets"
    assert manifest.input.model_dump() == {
        "width": 320,
        "height": 256,
        "colour": "rgb",
        "mean": (1, 2, 3),
        "std": (4, 5, 6),
        "letterbox": "centre",
        "pad_value": 0,
    }


PERSON = ["--family", "boxes", "--layout", "dets", "--names", "person"]


def test_a_network_of_any_size_is_imported_and_shown_with_several(sfumato, data, tmp_path):
    weights, out = data / "weights" / "rtmdet-nano-person.onnx", tmp_path / "p.sfm"
    sizes = ["--size", "320x320", "--size", "320x192", "--size", "192x320"]
    said = sfumato("import", weights, "--out", out, *PERSON, *sizes)
    assert f"{out}: boxes 320x320, 320x192, 192x320, hides person; " in said
    manifest = Bundle.open(out, allow_unsigned=True).manifest
    assert manifest.sizes == ((320, 192), (192, 320))
    assert "input      320x320, 320x192, 192x320; bgr, letterbox corner\n" in sfumato("show", out)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (
            ["320x320"],
            (
                "44 % of its work on 16:9 is bars; import one made for 320x192, "
                "or one that takes any size, with --size 320x320 --size 320x192"
            ),
        ),
        (["320x256"], "30 % of its work on 16:9 is bars; "),
        (["192x320"], "66 % of its work on 16:9 is bars; import one made for 320x192, "),
        (["320x192"], None),
        (["320x320", "320x192"], None),
        (["320x320", "192x320"], "44 % of its work on 16:9 is bars; "),
    ],
)
def test_what_is_spent_on_bars_is_said_once(data, tmp_path, capsys, sizes, said):
    weights, out = data / "weights" / "rtmdet-nano-person.onnx", tmp_path / "p.sfm"
    words = [word for size in sizes for word in ("--size", size)]
    assert main(["model", "import", str(weights), "--out", str(out), *PERSON, *words]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"sfumato: {said}") for line in lines] == [True] * (said is not None)


@pytest.mark.parametrize(
    ("fields", "way"),
    [
        ({"family": "yolo_seg"}, "export it with imgsz=384,640, or with dynamic=True and import"),
        ({"family": "boxes", "layout": "yolo"}, "export it with imgsz=384,640, or"),
        ({"family": "boxes", "layout": "yolox"}, "import one made for 640x384, or one that takes"),
        (
            {"family": "yolo_seg", "outputs": RAW_OUTPUTS},
            "pack its weights with `sfumato-distill p",
        ),
        (
            {"family": "rtmdet_ins", "outputs": OUTPUT_NAMES},
            "pack its weights with `sfumato-distil",
        ),
    ],
)
def test_each_kind_of_network_is_made_wide_in_its_own_way(yolo, fields, way):
    manifest, _ = import_onnx(yolo.read_bytes(), "x")
    square = manifest.input.model_copy(update={"width": 640, "height": 640})
    said = wasted_on_bars(manifest.model_copy(update={"input": square, **fields}))
    assert said.startswith(f"44 % of its work on 16:9 is bars; {way}")
    stretched = square.model_copy(update={"letterbox": "stretch"})
    assert wasted_on_bars(manifest.model_copy(update={"input": stretched, **fields})) is None


def test_whoever_exports_by_ultralytics_is_told_its_words(yolo, tmp_path, capsys):
    assert main(["model", "import", str(yolo), "--out", str(tmp_path / "x.sfm")]) == 0
    assert capsys.readouterr().err == (
        "sfumato: 44 % of its work on 16:9 is bars; export it with imgsz=192,320, "
        "or with dynamic=True and import that with --size 320x320 --size 320x192\n"
    )


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--classes", "persn"], UsageError, r"--classes: .*'persn'; did you mean 'person'\?"),
        (["--names", "person"], UsageError, "--family and --names"),
        (["--size", "640x640"], ModelError, r"wants \[1, 3, 320, 320\].*\[1, 3, 640, 640\]"),
        (
            ["--size", "320x320", "--size", "320x192"],
            ModelError,
            r"wants \[1, 3, 320, 320\].*\[1, 3, 192, 320\]",
        ),
        (["--size", "320x320", "--size", "320x200"], ModelError, "sizes.*multiple of 32"),
        (["--family", "boxes"], UsageError, "needs --names"),
        (["--family", "boxes", "--names", "a"], UsageError, "--layout goes with"),
        (["--family", "yolo_seg", "--names", "a", "--layout", "ssd"], UsageError, "goes with"),
        (["--family", "yolo_seg", "--names", "a"], ModelError, "with 1 classes"),
        (["--key", "gone.key"], TrustError, "can't read the key"),
        (["--name", "a b"], ModelError, "name: "),
    ],
)
def test_words_that_make_no_sense_are_refused_and_nothing_is_written(
    sfumato, yolo, tmp_path, *, words, error, message
):
    with pytest.raises(error, match=message):
        sfumato("import", yolo, "--out", tmp_path / "x.sfm", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "320"],
        ["--size", "ax3"],
        ["--mean", "1,2"],
        ["--std", "a,b,c"],
        ["--classes", "person,,car"],
        ["--classes", '"person'],
        ["--classes", ""],
        ["--family", "rtmdet"],
    ],
)
def test_words_that_are_not_numbers_or_names_end_with_two(sfumato, tmp_path, words, capsys):
    with pytest.raises(SystemExit) as caught:
        sfumato("import", "x.onnx", "--out", tmp_path / "x.sfm", *words)
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_inputs_that_cannot_be_read_are_named(sfumato, tmp_path):
    with pytest.raises(InputError, match=r"gone\.onnx: can't read the model \(No such file"):
        sfumato("import", tmp_path / "gone.onnx", "--out", tmp_path / "x.sfm")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match="can't load the model"):
        sfumato("import", tmp_path / "text.onnx", "--out", tmp_path / "x.sfm")


def test_an_output_that_cannot_be_written_is_named(sfumato, yolo, tmp_path):
    with pytest.raises(OutputError, match="folder: no such folder to write to"):
        sfumato("import", yolo, "--out", tmp_path / "no" / "folder" / "x.sfm")


@pytest.fixture
def outside(yolo, tmp_path):
    """The same network as PyTorch writes it since 2.9: its weights in a file beside it."""
    import onnx

    folder = tmp_path / "exported"
    folder.mkdir()
    model = onnx.load(yolo)
    location = {"location": "x.onnx.data", "size_threshold": 1024}
    onnx.save_model(model, folder / "x.onnx", save_as_external_data=True, **location)
    return folder / "x.onnx"


@pytest.mark.slow
def test_weights_beside_a_model_are_packed_and_signed(sfumato, outside, yolo, tmp_path, keys):
    out = tmp_path / "x.sfm"
    sfumato("import", outside, "--classes", "person", "--out", out, "--key", keys[0])
    packed = Bundle.open(out, [load_public(keys[1])]).model_bytes("fp32")
    assert len(packed) >= len(yolo.read_bytes())
    # Whatever becomes of the file outside is nothing to the bundle.
    data = outside.with_name("x.onnx.data")
    data.write_bytes(bytes(data.stat().st_size))
    image = np.zeros((1, 3, 320, 320), np.float32)
    for ours, theirs in zip(
        OnnxRuntimeNetwork(packed).run(image),
        OnnxRuntimeNetwork(yolo.read_bytes()).run(image),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (None, r"x\.onnx: its weights lie in 'x\.onnx\.data', which is not beside it"),
        (0, r"x\.onnx: its weights in 'x\.onnx\.data' are cut short"),
        (1_000_000, r"x\.onnx: its weights in 'x\.onnx\.data' are cut short"),
    ],
)
def test_weights_that_are_not_there_are_named(outside, tmp_path, capsys, left, message):
    data = outside.with_name("x.onnx.data")
    if left is None:
        data.unlink()
    else:
        data.write_bytes(data.read_bytes()[:left])
    assert main(["model", "import", str(outside), "--out", str(tmp_path / "x.sfm")]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not (tmp_path / "x.sfm").exists()


def test_a_network_that_does_not_say_what_it_is_is_named(data, tmp_path, capsys):
    path = data / "weights" / "rtmdet-nano-person.onnx"
    assert main(["model", "import", str(path), "--out", str(tmp_path / "x.sfm")]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sfumato: {path}: the file does not say what network it holds")


def test_a_model_of_three_gigabytes_is_refused_in_one_line(tmp_path, capsys):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    assert main(["model", "import", str(path), "--out", str(tmp_path / "x.sfm")]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "larger than 512 MiB; export a smaller network" in line


@pytest.fixture
def named(yolo, tmp_path):
    """The network with other names for some of its classes."""
    import onnx

    def write(names):
        model = onnx.load(yolo)
        for entry in model.metadata_props:
            if entry.key == "names":
                entry.value = str(ast.literal_eval(entry.value) | names)
        onnx.save(model, tmp_path / "named.onnx")
        return tmp_path / "named.onnx"

    return write


@pytest.mark.slow
def test_odd_names_are_offered_shown_and_chosen(sfumato, named, tmp_path):
    odd = {1: "cup, paper", 3: "", 5: "person", 6: "Person", 7: ' 19" rack\n'}
    out = tmp_path / "odd.sfm"
    sfumato("import", named(odd), "--out", out)
    shown = sfumato("show", out)
    assert 'person (ids 0, 5), "cup, paper", car, class 3, airplane, Person, 19" rack, ' in shown
    said = sfumato(
        "import", named(odd), "--classes", 'person,"cup, paper"', "--out", out, "--overwrite"
    )
    assert 'hides person, Person, "cup, paper"; ' in said
    classes = Bundle.open(out, allow_unsigned=True).manifest.classes
    assert [spec.id for spec in classes] == [0, 5, 6, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name"), [("my plates.sfm", "my-plates"), ("été (2).sfm", "ete-2"), (".sfm", "sfm")]
)
def test_a_bundle_is_named_after_its_file(sfumato, yolo, tmp_path, file, name):
    sfumato("import", yolo, "--out", tmp_path / file)
    assert Bundle.open(tmp_path / file, allow_unsigned=True).manifest.name == name


def test_no_bundle_is_replaced_unless_that_is_said(sfumato, yolo, bundle, keys, tmp_path):
    before = bundle.read_bytes()
    other = tmp_path / "other.sfm"
    other.write_bytes(b"precious")
    for words in (
        ["import", yolo, "--out", bundle],
        ["sign", bundle, "--key", keys[0], "--out", other],
    ):
        with pytest.raises(OutputError, match=r"\.sfm exists already; .* --overwrite"):
            sfumato(*words)
    assert bundle.read_bytes() == before
    assert other.read_bytes() == b"precious"
    sfumato("sign", bundle, "--key", keys[0], "--out", other, "--overwrite")
    assert Bundle.open(other, [load_public(keys[1])]).manifest.name == "pc"
    assert bundle.read_bytes() == before
    sfumato("sign", bundle, "--key", keys[0])  # in place, where a signature is all that it changes
    assert bundle.read_bytes() == other.read_bytes()
    sfumato("import", yolo, "--out", bundle, "--overwrite")
    assert Bundle.open(bundle, allow_unsigned=True).signed_by is None
    assert {path.name for path in tmp_path.iterdir()} == {
        *("office.key", "office.pub", "pc.sfm", "other.sfm")
    }


def test_half_a_pair_of_keys_is_not_left(sfumato, tmp_path):
    long = "x" * 251  # with .key as long as a name can be
    sfumato("keygen", tmp_path / long)
    (tmp_path / "other.pub").mkdir()
    with pytest.raises(OutputError, match="there is one already"):
        sfumato("keygen", tmp_path / "other")
    assert not (tmp_path / "other.key").exists()


def test_a_model_is_not_overwritten_by_its_bundle(sfumato, tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="is the model itself"):
        sfumato("import", path, "--out", path)
    assert path.read_bytes() == b"precious"


def test_show_says_what_the_bundle_says(sfumato, bundle):
    said = sfumato("show", bundle)
    assert "person, car\n" in said
    assert "yolo_seg" in said
    assert "signature  none" in said


@pytest.fixture
def rich(tmp_path, yolo):
    """A bundle of several files for several runtimes; that they hold one network is no matter."""
    manifest, _ = import_onnx(yolo.read_bytes(), "rich", classes=["person"])
    networks = {"fp32": yolo.read_bytes(), "int8": b"int8" * 300_000, "uint8": b"uint8" * 100}
    said = {
        "int8": {"runtimes": ("tensorrt",), "thresholds": {"person": 0.2}},
        "uint8": {"runtimes": ("onnxruntime-cpu",)},
    }
    files = {
        role: NetworkSpec.of(NETWORK_PATHS[role], model).model_copy(update=said.get(role, {}))
        for role, model in networks.items()
    }
    path = tmp_path / "rich.sfm"
    write_bundle(path, manifest.model_copy(update={"files": files}), networks)
    return path


def test_show_lists_each_file_its_size_and_what_may_run_it(sfumato, rich, yolo):
    said, size = sfumato("show", rich), yolo.stat().st_size
    assert f"fp32       model.onnx, {size / 1e6:.1f} MB ({size} bytes), for any runtime\n" in said
    assert (
        "int8       model.int8.onnx, 1.2 MB (1200000 bytes), for tensorrt; thresholds of its own\n"
        "uint8      model.uint8.onnx, 0.0 MB (500 bytes), for onnxruntime-cpu\n"
    ) in said
    manifest = json.loads(sfumato("show", rich, "--json"))["manifest"]
    assert manifest["sizes"] == []
    assert {
        role: (file["bytes"], file["runtimes"]) for role, file in manifest["files"].items()
    } == {
        "fp32": (size, []),
        "int8": (1_200_000, ["tensorrt"]),
        "uint8": (500, ["onnxruntime-cpu"]),
    }
    assert manifest["files"]["int8"]["thresholds"] == {"person": 0.2}


def test_show_has_a_form_for_programs(sfumato, bundle, keys):
    sfumato("sign", bundle, "--key", keys[0])
    said = json.loads(sfumato("show", bundle, "--json"))
    opened = Bundle.open(bundle, [load_public(keys[1])])
    assert said["digest"] == opened.digest
    assert said["signed_by"] == opened.signed_by
    assert said["manifest"]["classes"] == [{"id": 0, "name": "person"}, {"id": 2, "name": "car"}]


def test_sign_then_verify(sfumato, bundle, keys, tmp_path):
    key, public = keys
    with pytest.raises(TrustError, match="unsigned"):
        sfumato("verify", bundle, "--trust", public)
    unsigned = hashlib.sha256(bundle.read_bytes()).hexdigest()
    sfumato("sign", bundle, "--key", key, "--out", tmp_path / "signed.sfm")
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() == unsigned
    said = sfumato("verify", tmp_path / "signed.sfm", "--trust", public)
    assert f"signed by {load_public(public).id}" in said
    sfumato("keygen", tmp_path / "other")
    with pytest.raises(TrustError, match="not trusted"):
        sfumato("verify", tmp_path / "signed.sfm", "--trust", tmp_path / "other.pub")
    both = ["--trust", tmp_path / "other.pub", "--trust", public]
    assert "good" in sfumato("verify", tmp_path / "signed.sfm", *both)


def test_a_damaged_bundle_does_not_verify(sfumato, bundle, keys):
    bundle.write_bytes(bundle.read_bytes()[:-1000])
    with pytest.raises(BundleError, match="cut short"):
        sfumato("verify", bundle, "--trust", keys[1])
    with pytest.raises(BundleError, match="cut short"):
        sfumato("show", bundle)


@pytest.fixture
def restated(bundle):
    """Changes fields of the bundle's manifest."""

    def restate(**fields):
        files = read_archive(bundle)
        manifest = json.loads(files[MANIFEST]) | fields
        write_archive(bundle, files | {MANIFEST: json.dumps(manifest).encode()})
        return bundle

    return restate


def test_an_expired_bundle_says_so(sfumato, restated, keys, capsys):
    bundle = restated(expires="2026-02-03T00:00:00Z")
    sfumato("sign", bundle, "--key", keys[0])
    assert "expires    2026-02-03, which is over\n" in sfumato("show", bundle)
    assert main(["model", "verify", str(bundle), "--trust", str(keys[1])]) == 5
    assert "expired on 2026-02-03" in capsys.readouterr().err


def test_a_bundle_that_expires_later_is_good(sfumato, restated, keys):
    bundle = restated(expires="9999-01-02T00:00:00Z")
    assert "expires    9999-01-02\n" in sfumato("show", bundle)
    sfumato("sign", bundle, "--key", keys[0])
    assert "good" in sfumato("verify", bundle, "--trust", keys[1])


@pytest.mark.parametrize("words", [["show"], ["verify", "--trust"], ["sign", "--key"]])
def test_a_bundle_for_a_newer_version_says_which(restated, keys, capsys, words):
    bundle = restated(min_agent="9.0.0", zones=["door"])
    key = {"verify": [keys[1]], "sign": [keys[0]]}.get(words[0], [])
    expected = "unsigned" if words[0] == "verify" else "needs Sfumato 9.0.0 or newer"
    assert main([*map(str, ["model", *words, *key, bundle])]) == 5
    assert expected in capsys.readouterr().err


def test_keys_are_never_overwritten(sfumato, keys, tmp_path):
    before = [key.read_bytes() for key in keys]
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    with pytest.raises(OutputError, match="can't write the key"):
        sfumato("keygen", tmp_path / "office")
    keys[1].unlink()
    with pytest.raises(OutputError, match=r"office\.key: can't write the key \(File exists"):
        sfumato("keygen", tmp_path / "office")
    assert keys[0].read_bytes() == before[0]


@pytest.mark.parametrize("words", [[], ["import"], ["show"], ["verify"], ["sign"], ["keygen"]])
def test_help_teaches(sfumato, capsys, words):
    with pytest.raises(SystemExit) as caught:
        sfumato(*words, "--help")
    assert caught.value.code == 0
    assert "usage: sfumato model" in capsys.readouterr().out
