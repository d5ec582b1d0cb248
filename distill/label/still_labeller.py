"""Still labeller: images that belong to no clip, on the disk and in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.data.images import read_rgb
from distill.errors import InputError
from distill.files import writing
from distill.label.entries import STILLS, Still, still_path
from distill.label.labelled_frame import LabelledFrame
from distill.label.observer import BATCH, write_jpeg
from distill.progress import progress
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from distill.data.images import Image
    from distill.label.observer import Observer
    from distill.label.progress_log import ProgressLog


def label_stills(
    paths: Mapping[str, Path],
    names: Mapping[str, str],
    observer: Observer,
    log: ProgressLog,
    skip: Callable[[str, InputError], None],
) -> None:
    """Label images, in order.

    Batches are those of a run that nothing stopped, because what a network says of an image
    depends, in the last digits, on what it sees beside it.

    Args:
        paths: by digest.
        names: likewise, for their JPEGs.
        observer: asks the teacher.
        log: of the data set.
        skip: hears the digest of what can't be read, and why.

    Raises:
        OutputError: the folder can't be written to.
    """
    batch: list[tuple[str, Image]] = []

    def flush() -> None:
        stills = []
        seen = observer.detections([image for _, image in batch]) if batch else []
        for (sha256, image), found in zip(batch, seen, strict=True):
            count = write_jpeg(still_path(log.folder, names[sha256]), image)
            frame = LabelledFrame(0, 0.0, (image.shape[0], image.shape[1]), count, found)
            stills.append(Still(names[sha256], paths[sha256].name, sha256, frame))
        if stills:
            with writing(log.folder):
                sync(log.folder / "images" / STILLS)
            log.add_stills(stills)
        batch.clear()

    for sha256, path in progress(paths.items(), "still images", leave=True):
        try:
            batch.append((sha256, read_rgb(path)))
        except InputError as error:
            skip(sha256, error)
            continue
        if len(batch) == BATCH:
            flush()
    flush()
