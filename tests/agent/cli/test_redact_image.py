"""`sfumato redact-image`, as typed."""

import ast
import shutil

import cv2
import pytest
from PIL import Image

from agent.cli import main
from models.bundle import write_bundle
from models.importing import import_onnx
from models.manifest import NetworkSpec


@pytest.fixture(scope="session")
def model(data, tmp_path_factory):
    onnx = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    path = tmp_path_factory.mktemp("bundle") / "pc.sfm"
    write_bundle(path, *import_onnx(onnx, "pc", classes=("person", "car")))
    return path


@pytest.fixture
def sfumato(model, capsys):
    """Run the command: exit code, and what it said."""

    def run(*words, trust=("--allow-unsigned",)):
        code = main(["redact-image", *map(str, words), "--model", str(model), *trust])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def bus(data, tmp_path):
    return shutil.copy(data / "images" / "bus.jpg", tmp_path / "bus.jpg")


def magenta(path):
    blue, green, red = (cv2.imread(str(path)).astype(int)[..., i] for i in range(3))
    return float(((red > 200) & (green < 60) & (blue > 200)).mean())


@pytest.mark.slow
def test_one_image_gets_an_output_beside_it(sfumato, bus, tmp_path):
    code, said = sfumato(bus, "--effect", "solid:ff00ff", "--classes", "person")
    assert code == 0
    done, warning = said.splitlines()
    assert done.endswith("bus.redacted.jpg: 3 objects hidden")
    assert "warning: nobody signed" in warning
    assert 0.1 < magenta(tmp_path / "bus.redacted.jpg") < 0.5


@pytest.mark.slow
def test_two_classes_of_one_name_are_both_hidden(data, bus, tmp_path, capsys):
    """Persons and the bus behind them, where the network calls both so."""
    import onnx

    network = onnx.load(data / "weights" / "coco-yolov8n-seg-320.onnx")
    for entry in network.metadata_props:
        if entry.key == "names":
            entry.value = str(ast.literal_eval(entry.value) | {5: "person"})
    onnx.save(network, tmp_path / "d.onnx")
    words = ["--classes", "person"]
    imported = ["model", "import", tmp_path / "d.onnx", "--out", tmp_path / "d.sfm", *words]
    assert main([*map(str, imported)]) == 0
    for model in ("d.sfm", "d.onnx"):
        run = ["redact-image", bus, tmp_path / f"{model}.png", "--model", tmp_path / model, *words]
        run.append("--allow-unsigned")
        assert main([*map(str, run)]) == 0
        assert "4 objects hidden" in capsys.readouterr().err


@pytest.mark.slow
def test_a_weak_effect_on_screens_is_warned_of(data, bus, tmp_path, capsys):
    onnx = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    model = tmp_path / "tv.sfm"
    write_bundle(model, *import_onnx(onnx, "tv", classes=("person", "tv")))
    for effect, said in (("pixelate", True), ("auto", False)):
        words = ["redact-image", str(bus), str(tmp_path / f"{effect}.jpg"), "--model", str(model)]
        assert main([*words, "--allow-unsigned", "--effect", effect]) == 0
        assert ("warning: --effect pixelate" in capsys.readouterr().err) == said


@pytest.mark.slow
def test_shape_and_margin_grow_the_cover(sfumato, bus, tmp_path):
    shares = []
    for i, words in enumerate(([], ["--margin", "0.05"], ["--shape", "box"])):
        assert sfumato(bus, tmp_path / f"{i}.png", "--effect", "solid:ff00ff", *words)[0] == 0
        shares.append(magenta(tmp_path / f"{i}.png"))
    assert shares[0] < min(shares[1:])


@pytest.mark.slow
def test_folders_go_to_a_folder_and_what_fails_does_not_stop_the_rest(sfumato, data, tmp_path):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    pixels = cv2.imread(str(data / "images" / "zidane.jpg"))
    for suffix in ("jpeg", "PNG", "tiff", "webp"):
        cv2.imwrite(str(images / f"{suffix}.{suffix}"), pixels)
    (images / "broken.jpg").write_text("no image")
    (images / "notes.txt").write_text("not asked for")
    code, said = sfumato(images, "--out-dir", out)
    assert code == 3
    assert said.count("objects hidden") == 4
    assert "broken.jpg: not an image" in said
    assert {p.name for p in out.iterdir()} == {"jpeg.jpeg", "PNG.PNG", "tiff.tiff", "webp.webp"}


@pytest.mark.slow
def test_what_has_no_suffix_of_an_image_becomes_a_png(sfumato, bus, tmp_path):
    nameless = tmp_path / "photo"
    shutil.copy(bus, nameless)
    assert sfumato(nameless)[0] == 0
    assert (tmp_path / "photo.redacted.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.usefixtures("bus")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["bus.jpg", "out.jpg", "--classes", "persn"], 2, "did you mean 'person'?"),
        (["bus.jpg", "out.jpg", "--conf", "1.5"], 2, "--conf 1.5: "),
        (["bus.jpg", "out.jpg", "--effect", "fog"], 2, "--effect fog: "),
        (["bus.jpg", "out.jpg", "--margin", "-1"], 2, "--margin -1.0: "),
        (["bus.jpg", "out.gif"], 2, "out.gif: an image is written as .bmp, "),
        (["bus.jpg", "out.jpg", "more.jpg"], 2, "3 paths, but no --out-dir"),
        (["."], 2, "is a folder; say with --out-dir"),
        (["gone.jpg", "out.jpg"], 3, "gone.jpg: no such file"),
        (["empty.jpg", "out.jpg"], 3, "empty.jpg: the file is empty"),
        (["text.jpg", "out.jpg"], 3, "text.jpg: not an image that can be read"),
        (["bus.jpg", "bus.jpg"], 4, "is the input; give the output another name"),
        (["bus.jpg", "no/out.jpg"], 4, "no such folder to write to"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    sfumato, tmp_path, monkeypatch, words, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ended, said = sfumato(*words)
    assert ended == code
    assert message in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_an_image_that_exists_is_replaced_only_where_that_is_said(sfumato, bus, tmp_path):
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    for words in ([bus, out], [bus, "-o", out], [bus, "--out-dir", tmp_path]):
        code, said = sfumato(*words)
        assert code == 4
        assert "exists already" in said or "is the input" in said
    assert out.read_bytes() == b"precious"
    assert sfumato(bus, out, "--overwrite")[0] == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_what_a_phone_keeps_behind_the_photo_is_said_to_be_left_out(sfumato, data, tmp_path):
    with Image.open(data / "images" / "bus.jpg") as photo:
        photo.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[photo, photo])
    code, said = sfumato(tmp_path / "x.jpg")
    assert code == 0
    assert "x.jpg: left out what is behind the photo: 2 more" in said


def test_an_unsigned_model_runs_only_when_it_is_allowed(sfumato, bus, tmp_path):
    code, said = sfumato(bus, tmp_path / "out.jpg", trust=())
    assert code == 5
    assert "--allow-unsigned" in said
    assert not (tmp_path / "out.jpg").exists()


def test_a_network_that_gives_no_numbers_leaves_no_output(bus, tmp_path, capsys, data):
    """Weights of not-a-number, which the import would have refused."""
    onnx = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    manifest, _ = import_onnx(onnx, "broken")
    middle = len(onnx) // 2
    onnx = onnx[:middle] + b"\xff" * 4000 + onnx[middle + 4000 :]
    manifest = manifest.model_copy(update={"files": {"fp32": NetworkSpec.of("model.onnx", onnx)}})
    write_bundle(tmp_path / "broken.sfm", manifest, {"fp32": onnx})
    words = ["redact-image", str(bus), str(tmp_path / "out.jpg"), "--allow-unsigned"]
    assert main([*words, "--model", str(tmp_path / "broken.sfm")]) == 5
    assert "finite" in capsys.readouterr().err
    assert not (tmp_path / "out.jpg").exists()
