"""Clip labeller: the frames of one clip that are worth a label, on the disk and in the log."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from distill.data.clips import Clip
from distill.errors import InputError
from distill.files import writing
from distill.label.entries import Moment, image_path
from distill.label.labelled_frame import LabelledFrame
from distill.label.observer import BATCH, write_jpeg
from distill.label.sampling import Sampler
from distill.progress import progress
from models.part_file import sync

if TYPE_CHECKING:
    from pathlib import Path

    from distill.data.clip_frame import ClipFrame
    from distill.data.images import Image
    from distill.label.entries import ClipEntry
    from distill.label.observer import Observer
    from distill.label.progress_log import ProgressLog
    from distill.label.settings import Settings


class ClipLabeller:
    """Labels one clip, from its first frame to its last."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        name: str,
        observer: Observer,
        settings: Settings,
        log: ProgressLog,
    ) -> None:
        self._path, self._sha256, self._name = path, sha256, name
        self._observer, self._settings, self._log = observer, settings, log
        self._entry: ClipEntry | None = None
        self._batch: list[tuple[ClipFrame, Image | None]] = []

    def run(self, title: str) -> None:
        """Label the clip, or what of it is not labelled yet.

        Raises:
            InputError: no picture of it can be decoded.
            OutputError: the folder can't be written to.
        """
        sampler = Sampler(self._settings.every)
        kept: list[tuple[int, int]] = []
        times_seen: list[int] = []
        with (
            Clip(self._path) as clip,
            progress(desc=title, total=clip.expected, unit="frame", leave=True) as bar,
        ):
            for frame in clip:
                decision = sampler.judge(frame)
                bar.update()
                if decision.stands_for_latest:
                    times_seen[-1] += 1
                if decision.dropped is None:
                    kept.append((frame.index, decision.segment))
                    times_seen.append(1)
                    self._take(frame)
                    bar.set_postfix(labelled=len(kept), refresh=False)
            self._flush()
            if not clip.decoded or self._entry is None:
                raise InputError(f"{self._path}: no picture in it can be decoded")
            moments = [
                Moment(index, segment, times)
                for (index, segment), times in zip(kept, times_seen, strict=True)
            ]
            dropped = dict(sorted(sampler.dropped.items()))
            if clip.damaged:
                dropped["damaged"] = clip.damaged
            problem = clip.problem()
            self._log.finish(
                self._entry,
                moments,
                clip.decoded + clip.damaged,
                dropped,
                without_folders(self._path, problem) if problem else None,
            )

    def _take(self, frame: ClipFrame) -> None:
        if self._entry is None:
            entry = self._log.clips.get(self._sha256)
            self._entry = entry or self._log.begin(self._name, self._path.name, self._sha256)
        known = frame.index in self._entry.frames
        self._batch.append((frame, None if known else frame.rgb()))
        if len(self._batch) == BATCH:
            self._flush()

    def _flush(self) -> None:
        """Label the batch, unless all of it is labelled.

        Batches are the same in every run, because what a network says of an image depends, in
        the last digits, on how many others it sees with it.
        """
        batch, self._batch = self._batch, []
        if self._entry is None or all(image is None for _, image in batch):
            return
        images = [frame.rgb() if image is None else image for frame, image in batch]
        frames = []
        for (frame, _), image, seen in zip(
            batch, images, self._observer.detections(images), strict=True
        ):
            size = image.shape[0], image.shape[1]
            count = write_jpeg(image_path(self._log.folder, self._entry, frame.index), image)
            frames.append(LabelledFrame(frame.index, round(frame.time_s, 6), size, count, seen))
        with writing(self._log.folder):
            sync(self._log.folder / "images" / self._entry.name)
        self._log.add_frames(self._entry, frames)


def without_folders(path: Path, problem: str) -> str:
    """A problem without the path in it, which depends on where the command ran."""
    bare = problem.removeprefix(f"{path}: ")
    return bare.replace(shlex.quote(str(path)), shlex.quote(path.name))
