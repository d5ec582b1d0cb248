"""Scene log: which scenes of a run of synth are finished.

It holds one line for each: its files with their checksums, and its annotations. A run that was
killed reads it, keeps the scenes whose files are whole, and renders the others; what a scene looks
like depends on its number alone, so the result is the same.
"""

from __future__ import annotations

import json
import os
import zlib
from functools import lru_cache
from pathlib import Path

from distill.data.scenes.shoot import FORMAT, Line, SynthRun
from distill.errors import OutputError
from distill.files import reading, writing
from models.whole_file import whole_file

SCENE_LOG = "scenes.jsonl"


def open_log(run: SynthRun) -> dict[int, Line]:
    """What is there of this run already; begin the log where nothing is.

    Raises:
        OutputError: something else is there.
    """
    path = run.folder / SCENE_LOG
    with writing(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(run.folder.iterdir()):
                raise OutputError(
                    f"{run.folder} is not empty and holds no run of synth; name a new folder"
                )
            with whole_file(path) as file:
                file.write(json.dumps(run.identity).encode() + b"\n")
        lines = path.read_text("utf-8").splitlines(keepends=True)
    found = _parsed(lines[0]) if lines else None
    if found != run.identity:
        raise OutputError(
            f"{run.folder} holds another run ({_difference(found, run)}); name a new folder"
        )
    done = {}
    for text in lines[1:]:
        line = _parsed(text)
        if line is not None and _whole(run.folder, line):
            done[line["index"]] = line
    if lines and not lines[-1].endswith("\n"):  # killed while it was written
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
    return done


def is_rendered(image: Path) -> bool:
    """Whether an image is, to the byte, one that a run of synth wrote.

    Raises:
        InputError: it can't be read.
    """
    path = Path(os.path.abspath(image))  # noqa: PTH100  `..` goes
    log = next((found for folder in path.parents if (found := folder / SCENE_LOG).is_file()), None)
    if log is None:
        return False
    with reading(path):
        return zlib.crc32(path.read_bytes()) == _checksums(log).get(path)


@lru_cache(maxsize=1)
def _checksums(log: Path) -> dict[Path, int]:
    """Of each image of a run; none where it is no log of ours."""
    with reading(log):
        first, *others = map(_parsed, log.read_text("utf-8", errors="replace").splitlines() or [""])
    if first is None or first.get("format") != FORMAT:
        return {}
    return {
        log.parent / image["file"]: image["crc"]
        for line in others
        if line is not None
        for image in line.get("images", ())
    }


def _parsed(text: str) -> Line | None:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def _difference(found: Line | None, run: SynthRun) -> str:
    if found is None or found.get("format") != FORMAT:
        return "of another version"
    return ", ".join(
        f"{key} {found.get(key)}, not {value}"
        for key, value in run.identity.items()
        if found.get(key) != value
    )


def _whole(folder: Path, line: Line) -> bool:
    """Whether all files of a scene are as they were written."""
    files = {image["file"]: image["crc"] for image in line["images"]} | line["video"]
    try:
        return all(zlib.crc32((folder / name).read_bytes()) == crc for name, crc in files.items())
    except OSError:
        return False
