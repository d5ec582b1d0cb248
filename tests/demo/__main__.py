"""`make demo MODEL=path`: render a clip (or take one), redact it, show both side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import av
import cv2
import numpy as np

from agent.cli import main as sfumato
from tests.demo.scene import render

_BOTTLES = "bottle,vase"  # what a COCO network calls the clip's bottles


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a bundle, or an ONNX file")
    parser.add_argument("--clip", type=Path, help="a video of yours (default: rendered bottles)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what is made")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    clip, classes = args.clip, []
    if clip is None:
        clip, classes = args.out / "bottles.mp4", ["--classes", _BOTTLES]
        if not clip.exists():
            render(clip)
    bundle = args.model
    if bundle.suffix == ".onnx":
        bundle = args.out / "demo.sfm"
        code = sfumato(["model", "import", str(args.model), "--out", str(bundle)])
        if code:
            return code
    target, picture = args.out / "out.mp4", args.out / "side-by-side.jpg"
    sheet = args.out / "contact-sheet.png"
    command = ["blur", str(clip), str(target), "--model", str(bundle), "--allow-unsigned"]
    code = sfumato([*command, *classes, "--contact-sheet", str(sheet)])
    if code:
        return code
    cv2.imwrite(str(picture), side_by_side(clip, target))
    print(f"redacted  {clip}\ninto      {target}\nlook at   {picture} and {sheet}")
    return 0


def side_by_side(before: Path, after: Path) -> np.ndarray:
    """The middle frame of two videos next to one another, BGR."""
    return np.hstack([_middle(path) for path in (before, after)])


def _middle(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return cv2.resize(images[len(images) // 2], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    sys.exit(main())
