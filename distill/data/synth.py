"""Synth: procedural scenes become a data set in a folder, over several processes."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco
from distill.data.images import read_rgb
from distill.data.scene_log import SCENE_LOG, open_log
from distill.data.scenes import CLASSES
from distill.data.scenes.preview import COLUMNS, ROWS, draw_preview, thumbnail
from distill.data.synth_workers import rendered
from distill.files import writing
from distill.progress import progress
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distill.data.scenes.shoot import Line, SynthRun


def synthesise(
    run: SynthRun, count: int, classes: tuple[str, ...], val: float, workers: int
) -> None:
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
    done = open_log(run)
    missing = [index for index in range(count) if index not in done]
    with writing(run.folder):
        with (
            (run.folder / SCENE_LOG).open("a", encoding="utf-8") as log,
            progress(
                desc="scenes", total=count, initial=count - len(missing), unit="scene", leave=True
            ) as bar,
        ):
            for line in rendered(run, missing, workers):
                log.write(json.dumps(line) + "\n")
                log.flush()
                done[line["index"]] = line
                bar.update()
        images = [
            image
            for index in range(count)
            for image in _records(run, done[index], classes, _held_out(index, val))
        ]
        _write(run, count, classes, images)


def _held_out(index: int, share: float) -> bool:
    """Whether a scene is for validation: evenly spread, whatever the length of the run."""
    exact = Fraction(str(share))
    half = Fraction(1, 2)
    return int((index + 1) * exact + half) > int(index * exact + half)


def _records(
    run: SynthRun, line: Line, classes: tuple[str, ...], held_out: bool
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
    run: SynthRun, count: int, classes: tuple[str, ...], images: list[tuple[ImageRecord, bool]]
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
    shown = np.unique(np.linspace(0, len(records) - 1, COLUMNS * ROWS).round().astype(int))
    ids = [CLASSES.index(name) for name in classes]
    small = [
        thumbnail(
            read_rgb(record.path),
            [(ids[one.class_id], rle.decode(one.rle)) for one in record.annotations],
        )
        for record in (records[i] for i in shown)
    ]
    counts = dict.fromkeys(ids, 0)
    for record in records:
        for one in record.annotations:
            counts[ids[one.class_id]] += 1
    what = f"{count} clips of {run.frames} frames" if run.frames else f"{count} images"
    title = f"Domain {run.domain}, seed {run.seed}: {what}"
    with whole_file(run.folder / "sheet.png") as file:
        file.write(draw_preview(title, counts, small))
