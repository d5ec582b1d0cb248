"""`make demo`: render a clip (or take one), redact it, show both side by side."""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING

import av
import cv2
import numpy as np

from agent.cli import main as sfumato
from agent.cli import process
from distill.data.scenes import RATE, Rendered, render_clip
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = Path(__file__).resolve().parents[2] / "models" / "demo"
"""The bundle and the key that ship with the project."""
_SEED, _DOMAIN, _CLIP = 21, "b", 62  # of no data set that the network learned from
_SIZE, _SECONDS = (640, 480), 4


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=OURS / "bottles.sfm", help="a bundle, or an ONNX file"
    )
    parser.add_argument(
        "--trust", type=Path, metavar="KEY.pub", help="whose bundle it is (default: nobody's)"
    )
    parser.add_argument("--clip", type=Path, help="a video of yours (default: rendered bottles)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what is made")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    clip = args.clip or args.out / "bottles.mp4"
    if not args.clip:
        with whole_file(clip) as file:
            render(file)
    bundle, key = args.model, args.trust
    if args.model.parent.resolve() == OURS:
        key = key or OURS / "demo.pub"
    trust = ["--trust", str(key)] if key else ["--allow-unsigned"]
    if bundle.suffix == ".onnx":
        bundle = args.out / "demo.sfm"
        with contextlib.redirect_stdout(sys.stderr):
            words = ["model", "import", str(args.model), "--out", str(bundle), "--overwrite"]
            code = sfumato(words)
        if code:
            return code
    target, picture = args.out / "out.mp4", args.out / "side-by-side.jpg"
    sheet, report = args.out / "contact-sheet.png", args.out / "report.json"
    began = time.perf_counter()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = sfumato(
            [
                *("blur", str(clip), str(target), "--model", str(bundle), *trust),
                *("--contact-sheet", str(sheet), "--report", str(report), "--overwrite"),
            ]
        )
    if code:
        print(said.getvalue(), end="", file=sys.stderr)
        return code
    with av.open(str(target)) as container:
        frames = container.streams.video[0].frames
    whole = sum(json.loads(report.read_bytes())["whole_frame_covers"].values())
    if whole:  # it says why
        print(said.getvalue(), end="", file=sys.stderr)
    cv2.imwrite(str(picture), side_by_side(clip, target, frames // 2))
    print(
        f"redacted  {clip}, {frames} frames in {time.perf_counter() - began:.1f} s, "
        f"{whole or 'none'} of them covered whole\n"
        f"into      {target}\n"
        f"look at   {picture} and {sheet}"
    )
    return 0


def scene(seconds: int = _SECONDS) -> Iterator[Rendered]:
    """The clip, frame by frame, and what is in it."""
    return render_clip(_SEED, _DOMAIN, _CLIP, _SIZE, RATE * seconds)


def render(file: IO[bytes], seconds: int = _SECONDS) -> None:
    """Write the clip as H.264."""
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.width, stream.height = _SIZE
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, RATE)
        for frame in scene(seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode())


def side_by_side(before: Path, after: Path, number: int) -> np.ndarray:
    """A frame of two videos next to one another, BGR."""
    pictures = [_frame(path, number) for path in (before, after)]
    height = min(len(picture) for picture in pictures)  # an odd side was made even
    return np.hstack([picture[:height] for picture in pictures])


def _frame(path: Path, number: int) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = itertools.islice(container.decode(video=0), number, None)
        return next(frames).to_ndarray(format="bgr24")


if __name__ == "__main__":
    sys.exit(process.run(main))
