"""`make demo-live`: the demo's clip as a camera, redacted while it plays, in a browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.cli import main as sfumato
from agent.cli import process
from models.whole_file import whole_file
from tests.demo.__main__ import OURS, render

_SECONDS = 2
"""Of a clip that is rendered here: nobody waits long for it. Chosen, not measured."""


def main() -> int:
    """Show it until it is asked to end, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8080", help="address of the page")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the clip")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    clip = args.out / "bottles.mp4"
    print(
        "Rendered bottles, redacted while they play; Ctrl-C ends it.", file=sys.stderr, flush=True
    )
    if not clip.exists():
        with whole_file(clip) as file:
            render(file, _SECONDS)
    model = ["--model", str(OURS / "bottles.sfm"), "--trust", str(OURS / "demo.pub")]
    return sfumato(["live", str(clip), "--loop", *model, "--listen", args.listen])


if __name__ == "__main__":
    sys.exit(process.run(main))
