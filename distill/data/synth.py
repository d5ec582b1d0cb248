"""Synth: procedural scenes become a data set in a folder, over several processes.

A journal holds one line for each finished scene: its files with their checksums, and its
annotations. A run that was killed reads it, keeps the scenes whose files are whole, and renders
the others; what a scene looks like depends on its number alone, so the result is the same.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import zlib
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco
from distill.data.images import read_rgb
from distill.data.scenes import CLASSES
from distill.data.scenes.preview import COLUMNS, ROWS, draw_sheet, thumbnail
from distill.data.scenes.shoot import FORMAT, Line, Run, shoot
from distill.errors import DistillError, OutputError
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

JOURNAL = "scenes.jsonl"


def synthesise(run: Run, count: int, classes: tuple[str, ...], val: float, workers: int) -> None:
    """Render scenes 0 to `count` of `run`, and write the data set.

    Args:
        run: what to render, and where.
        count: of images, or of clips.
        classes: which objects are annotated, in the order of their categories.
        val: share of the scenes that is held out.
        workers: processes.

    Raises:
        OutputError: the folder holds something else, or can't be written to.
        DistillError: a process died.
    """
    done = _open(run)
    missing = [index for index in range(count) if index not in done]
    with writing(run.folder):
        with (
            (run.folder / JOURNAL).open("a", encoding="utf-8") as journal,
            tqdm(total=count, initial=count - len(missing), unit="scene", disable=None) as bar,
        ):
            for line in _rendered(run, missing, workers):
                journal.write(json.dumps(line) + "\n")
                journal.flush()
                done[line["index"]] = line
                bar.update()
        images = [
            image
            for index in range(count)
            for image in _records(run, done[index], classes, _held_out(index, val))
        ]
        _write(run, count, classes, images)


def _open(run: Run) -> dict[int, Line]:
    """What is there of this run already; begin the journal where nothing is.

    Raises:
        OutputError: something else is there.
    """
    path = run.folder / JOURNAL
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


def _parsed(text: str) -> Line | None:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def _difference(found: Line | None, run: Run) -> str:
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


def _rendered(run: Run, indices: list[int], workers: int) -> Iterator[Line]:
    """Lines of the journal, in the order in which scenes are finished."""
    if workers == 1 or len(indices) < 2:
        for index in indices:
            yield shoot(run, index)
        return
    # Spawned, because a fork copies the locks of other threads as they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(indices)), context, _begin_worker)
    queue = iter(indices)
    waiting: set[Future[Line]] = set()
    try:
        for index in queue:
            waiting.add(pool.submit(shoot, run, index))
            if len(waiting) >= 4 * workers:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except BrokenProcessPool as error:
        raise DistillError(
            "a worker died, perhaps for want of memory; the same command goes on from there"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """One thread for each process; Ctrl-C is the parent's business, and so is its death."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def follow() -> None:
            wait_for([sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def _held_out(index: int, share: float) -> bool:
    """Whether a scene is for validation: evenly spread, whatever the length of the run."""
    exact = Fraction(str(share))
    half = Fraction(1, 2)
    return int((index + 1) * exact + half) > int(index * exact + half)


def _records(
    run: Run, line: Line, classes: tuple[str, ...], held_out: bool
) -> list[tuple[ImageRecord, bool]]:
    """A scene's images as records, and whether each is for validation."""
    wanted = {CLASSES.index(name): number for number, name in enumerate(classes)}
    width, height = run.size
    records = []
    for frame, image in enumerate(line["images"]):
        annotations = []
        for item in image["objects"]:
            if item["class"] not in wanted:
                continue
            packed = rle.Rle((height, width), item["counts"])
            annotations.append(
                Annotation(
                    wanted[item["class"]],
                    rle.box(packed),
                    packed,
                    item["ignore"],
                    track_id=item["track"],
                    band="ignore" if item["ignore"] else None,
                )
            )
        clip = f"clip-{line['index']:04d}" if run.frames else f"scene-{line['index']:06d}"
        number = line["index"] * max(run.frames, 1) + frame + 1
        record = ImageRecord(
            number, run.folder / image["file"], width, height, clip, frame, tuple(annotations)
        )
        records.append((record, held_out))
    return records


def _write(
    run: Run, count: int, classes: tuple[str, ...], images: list[tuple[ImageRecord, bool]]
) -> None:
    info = {"description": "procedural scenes", **run.identity, "scenes": count}
    parts: dict[str, Iterable[ImageRecord]] = {
        "annotations": (image for image, _ in images),
        "train": (image for image, held_out in images if not held_out),
        "val": (image for image, held_out in images if held_out),
    }
    for name, part in parts.items():
        write_coco(run.folder / f"{name}.json", classes, part, info)
    records = [image for image, _ in images]
    most = COLUMNS * ROWS
    places = np.unique(np.linspace(0, len(records) - 1, most).round().astype(int))
    ids = [CLASSES.index(name) for name in classes]
    small = [
        thumbnail(
            read_rgb(record.path),
            [(ids[one.class_id], rle.decode(one.rle)) for one in record.annotations],
        )
        for record in (records[place] for place in places)
    ]
    counts = dict.fromkeys(ids, 0)
    for record in records:
        for one in record.annotations:
            counts[ids[one.class_id]] += 1
    what = f"{count} clips of {run.frames} frames" if run.frames else f"{count} images"
    title = f"Domain {run.domain}, seed {run.seed}: {what}"
    with whole_file(run.folder / "sheet.png") as file:
        file.write(draw_sheet(title, counts, small))
