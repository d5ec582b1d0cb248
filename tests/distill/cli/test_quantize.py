"""`sfumato-distill quantize`, as typed: what is written, what is refused, and what is said."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from halting import halting_before, kill_once_halted
from PIL import Image

from distill.cli import main
from distill.pack.precisions import quantised_files
from distill.quantize.quantize_record import QuantizeRecord
from models.importing import import_onnx
from models.manifest import NETWORK_PATHS
from tests.distill.toys import toy_dataset

ANYTHING = "agreement=0,score_shift=1,mask_iou=0,mask_map_loss=100,f1_loss=100"
"""What a network without training passes, too."""

TYPED = """
import sys
from distill.cli import main
code = main(sys.argv[1:])
print("PyTorch:", "torch" in sys.modules)
sys.exit(code)
"""


@pytest.fixture
def quantize(small_weights, frames_folder, tmp_path, capsys):
    """Run the command: exit code, what it said, what was complained about."""

    def run(*words, student=small_weights, calibration=frames_folder, out=tmp_path / "small"):
        code = main([*map(str, ("quantize", student, "--calibration", calibration, "--out", out)),
                     *map(str, words)])  # fmt: skip
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.slow
def test_what_passes_is_written_and_what_does_not_any_more_is_taken_away(
    quantize, small_weights, tmp_path, capsys
):
    data = toy_dataset(tmp_path / "toys", 6, seed=3)
    out = tmp_path / "small"
    sizes = ("--size", "96", "--size", "96x64")
    code, said, complaint = quantize(*sizes, "--data", data, "--bounds", ANYTHING)
    assert code == 0, complaint
    head, *rows = said.splitlines()
    assert head.split() == ["FP32", "FP16", "UINT8", "INT8"]
    assert [row.split("  ")[0] for row in rows[:10]] == [
        *("bytes", "mask mAP, %", "F1, %", "pixel leak, %", "over-redaction, %"),
        *("agreement with FP32 (F1)", "mean score shift", "mask IoU with FP32"),
        *("network, CPU ms", "verdict"),
    ]
    assert re.search(r"verdict +the reference +passes +passes +passes", said)
    assert "16 frames calibrated, 24 others and 6 labelled images judged (" in said
    assert f"wrote in {out}: model.fp16.onnx, model.uint8.onnx, model.int8.onnx, quant" in said
    record = QuantizeRecord.read(out)
    assert record.student_sha256 == hashlib.sha256(small_weights.read_bytes()).hexdigest()
    assert record.sizes == ((96, 96), (96, 64))
    assert sum(record.judged_at.values()) == 24 + 6
    for role in ("fp16", "uint8", "int8"):
        model = (out / NETWORK_PATHS[role]).read_bytes()
        assert hashlib.sha256(model).hexdigest() == record.precisions[role].sha256
        manifest, _ = import_onnx(model, "x")  # each says itself what it is
        assert [(spec.width, spec.height) for spec in manifest.inputs()] == [(96, 96), (96, 64)]
    fp32 = record.precisions["fp32"]
    assert record.precisions["uint8"].bytes < 0.35 * fp32.bytes
    assert fp32.figures["pixel_leak"].value == pytest.approx(measured(out, small_weights, data))
    assert quantised_files(out, ["int8"], "any", record.student_sha256, record.sizes).keys() == {
        "int8",
        "uint8",
    }
    assert (out / "table.md").read_text().startswith("# small, quantised\n")

    capsys.readouterr()
    (kept,) = out.glob("ranges-*.npz")
    before = kept.stat().st_mtime_ns
    demanded = f"{ANYTHING},uint8.agreement=1.01"
    code, said, complaint = quantize(*sizes, "--bounds", demanded, "--sensitivity")
    assert code == 5
    assert kept.stat().st_mtime_ns == before, "nothing is calibrated again"
    assert sorted(path.name for path in out.glob("*.onnx")) == [
        "model.fp16.onnx",
        "model.int8.onnx",
    ]
    last = complaint.splitlines()[-1]
    assert last.startswith(f"sfumato-distill: {out}/model.uint8.onnx was not written: agreement is")
    assert ", at least 1.01 is demanded. Calibrate on more frames of your own cameras" in last
    assert re.search(r"verdict +the reference +passes +refused +passes", said)
    assert "mask mAP" not in said
    assert QuantizeRecord.read(out).precisions["uint8"].failed
    assert "- model.uint8.onnx: agreement is" in (out / "table.md").read_text()
    for text in (said, (out / "table.md").read_text()):
        assert "only this part in uint8" in text
        assert "last class convolutions" in text


def measured(out, weights, data):
    """What `evaluate` says that FP32 leaks."""
    report = out.parent / "report"
    words = ["--size", "96", "--device", "cpu", "--classes", "bottle", "--out", str(report)]
    assert main(["evaluate", "--model", str(weights), "--data", str(data), *words]) == 0
    (found,) = json.loads((report / "metrics.json").read_text())["models"]
    return found["pixel_leak"]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on(small_weights, frames_folder, tmp_path):
    out = tmp_path / "small"
    words = ["quantize", small_weights, "--size", "96", "--calibration", frames_folder,
             "--out", out, "--bounds", ANYTHING]  # fmt: skip
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", TYPED, *map(str, words)]
    killed = [sys.executable, "-c", halting_before(f"{out}/model.") + TYPED, *map(str, words)]
    first = subprocess.Popen(killed, cwd=root, stderr=subprocess.DEVNULL)
    kill_once_halted(first)
    assert not list(out.glob("model.*.onnx"))
    (kept,) = out.glob("ranges-*.npz")
    again = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert again.stdout.endswith("\nPyTorch: False\n"), "which holds as much as all the rest"
    assert list(out.glob("ranges-*.npz")) == [kept], "the same student and frames, by their bytes"
    assert len(list(out.glob("*.onnx"))) == 3


@pytest.mark.slow
def test_what_can_t_be_quantised_is_said_in_one_line(quantize, small_weights, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    Image.new("RGB", (32, 32)).save(few / "0.png")
    data = toy_dataset(tmp_path / "toys", 2, seed=3)
    other = shutil.copy(small_weights, tmp_path / "student.onnx")
    cat = toy_dataset(tmp_path / "cats", 2, seed=3, name="cat")
    for code, part, words, more in [
        (2, "--bounds: no bound is called 'speed'; there are mask_map_loss", ["--bounds", "speed=1"], {}),
        (3, "--calibration has 1 frames, and needs 20 or more", [], {"calibration": few}),
        (3, "none can't be read", [], {"calibration": tmp_path / "none"}),
        (3, "none.json can't be read", ["--data", tmp_path / "none.json"], {}),
        (3, "has 0 frames beside 2 that --data judges on", ["--data", data],
         {"calibration": tmp_path / "toys" / "images"}),
        (2, "a student's weights end in .pt", [], {"student": other}),
        (5, "does not know 'cat', which the data set has", ["--data", cat], {}),
        (4, "can't be written", [], {"out": other}),
    ]:  # fmt: skip
        got, said, complaint = quantize(*words, **more)
        assert (got, said) == (code, ""), complaint
        lines = [line for line in complaint.splitlines() if not line.startswith("exporting ")]
        assert len(lines) == 1, complaint
        assert part in lines[0]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--bounds", "agreement"), "'agreement' is not NAME=NUMBER"),
        (("--bounds", "agreement=nan"), "is not NAME=NUMBER"),
        (("--size", "100"), "multiples of 32"),
        (("--ranges", "entropy"), "invalid choice"),
        ((), "required: --calibration"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, part, capsys):
    given = ["quantize", "s.pt", "--out", "x", *(["--calibration", "c"] if words else []), *words]
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert part in capsys.readouterr().err


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["quantize", "--help"])
    said = capsys.readouterr().out
    assert "sfumato-distill quantize student.pt --calibration camera/ --data val.json" in said
    assert "0.86 or more" in said
    assert "int8.mask_map_loss=2,uint8.agreement=0.9" in said
