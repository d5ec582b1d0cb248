"""`python -m tests.demo.bundle`: the demo's bundle, packed anew with the weights that it has.

The student's file was not kept: its weights are in the bundle, in 16 bits, and are put back into
Ultralytics' network. Pictures are rendered, the network is quantised, judged and packed by the same
commands as anybody's, and signed by a key that nobody keeps: the next bundle has another.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import torch
from onnx import numpy_helper

from distill.cli import main as distill
from distill.cli.pack_files import quantised
from distill.pack.bundle import pack
from distill.pack.figures import read_thresholds
from distill.pack.frames import labelled_frames
from distill.pack.manifest import Release
from distill.pack.student import read_student
from models.bundle import Bundle
from models.signing import PrivateKey, load_public
from models.whole_file import whole_file
from tests.distill.yolos import build

if TYPE_CHECKING:
    from models.manifest import Manifest

_OURS = Path(__file__).resolve().parents[2] / "models" / "demo"
_NETWORK, _BINS = "yolo11n-seg", "dfl.conv.weight"

# Of no data set that the network learned from. In the shapes of all sizes that it is run at.
_CALIBRATION = (("320x240", 300, 31), ("320x180", 120, 32), ("180x320", 120, 33))
_JUDGED = ("--images", "300", "--size", "320x240", "--seed", "101", "--val", "0")
_VALIDATION = ("--clips", "40", "--frames", "4", "--size", "320x240", "--seed", "14")


def main() -> int:
    """Make it, in place of what is there, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("out/bundle"), help="folder for the rest")
    parser.add_argument("--version", type=int, required=True, help="more than the last one's")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    before = Bundle.reopen(_OURS / "bottles.sfm", [load_public(_OURS / "demo.pub")])
    weights = args.work / "student.pt"
    _put_back(before, weights)
    frames = _rendered(args.work)
    small, report = args.work / "small", args.work / "report"
    big, val = args.work / "big/annotations.json", args.work / "val/annotations.json"
    words = ["--calibration", *frames, "--data", big, "--out", small]
    _run("quantize", weights, *words)
    words = ["--model", weights, small / "model.uint8.onnx", "--data", val, "--out", report]
    _run("evaluate", *words, "--sweep")
    _pack(args, before.manifest, weights, val)
    return 0


def _put_back(bundle: Bundle, path: Path) -> None:
    """The bundle's weights in a file of Ultralytics."""
    graph = onnx.load_from_string(bundle.model_bytes("fp16")).graph
    stored = {
        tensor.name.removeprefix("model.").removesuffix(".half"): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
    }
    size = bundle.manifest.input.width
    model = build(_NETWORK, [spec.name for spec in bundle.manifest.classes]).fuse(verbose=False)
    weights = {
        name: torch.from_numpy(stored[name].copy()).float()
        for name in model.state_dict()
        if not name.endswith(_BINS)  # no weights, and in no file that ends at the heads
    }
    model.load_state_dict(weights, strict=False)
    with whole_file(path) as file:
        torch.save({"model": model, "ema": None, "train_args": {"imgsz": size}}, file)


def _rendered(work: Path) -> list[Path]:
    """Folders of frames to calibrate on and to compare answers on; labelled ones beside them."""
    frames = []
    for size, count, seed in _CALIBRATION:
        frames.append(work / f"frames-{size}")
        words = ["--images", count, "--size", size, "--seed", seed, "--val", 0, "--domain", "b"]
        _run("synth", "--out", frames[-1], *words)
    _run("synth", "--out", work / "big", *_JUDGED, "--domain", "b")
    _run("synth", "--out", work / "val", *_VALIDATION, "--domain", "b")
    return [folder / "images" for folder in frames]


def _pack(args: argparse.Namespace, before: Manifest, weights: Path, val: Path) -> None:
    """What `sfumato-distill pack` does, with figures and teacher of the bundle before."""
    student = read_student(weights)
    args.target, args.quantized = "cpu", args.work / "small"
    args.thresholds = args.work / "report/sweep.json"
    proposed = read_thresholds(args.thresholds, student.classes, student.sha256)
    print(f"thresholds: {dict(before.thresholds)} stay; the sweep proposes {proposed}")
    key = PrivateKey.generate()
    packed = pack(
        student,
        _OURS / "bottles.sfm",
        Release(before.name, args.version, before.thresholds, before.metrics, before.teacher),
        labelled_frames(
            val, None, len(student.sizes), student.spec, shows_nobody=False, problems=[]
        ),
        stored=["fp16"],
        judged=quantised(args, student, ["int8"]),
        key=key,
    )
    (_OURS / "demo.pub").write_text(key.public.to_line(), "ascii")
    print(f"{(_OURS / 'bottles.sfm').stat().st_size / 1e6:.1f} MB, signed by {key.public.id}")
    for role, parity in packed.parity.items():
        own = packed.manifest.files[role].thresholds or packed.manifest.thresholds
        print(f"{role}: {json.dumps(own)}, {parity.compared} objects; worst: {parity.line}")


def _run(*words: object) -> None:
    code = distill([*map(str, words)])
    if code:
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
