"""Clip labeller: the frames of one clip that are worth a label, on the disk and in the log."""

from __future__ import annotations

import os
import shlex
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image as PilImage
from tqdm import tqdm

from distill.data.clips import Clip
from distill.errors import InputError
from distill.files import writing
from distill.label.detection import detections_of
from distill.label.labelled_frame import LabelledFrame
from distill.label.progress_log import Moment
from distill.label.sampling import Sampler
from distill.label.tta import predict_flipped
from models.part_file import sync

if TYPE_CHECKING:
    from pathlib import Path

    from distill.data.clip_frame import ClipFrame
    from distill.data.images import Image
    from distill.label.progress_log import ClipEntry, ProgressLog
    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

_BATCH = 4
"""Frames that the teacher sees at once; a kill costs no more of them. Chosen, not measured."""
_JPEG_QUALITY = 95


def image_path(folder: Path, entry: ClipEntry, index: int) -> Path:
    """Where a frame's JPEG is."""
    return folder / "images" / entry.name / f"{index:06d}.jpg"


class ClipLabeller:
    """Labels one clip, from its first frame to its last."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        name: str,
        teacher: Predictor,
        settings: Settings,
        log: ProgressLog,
    ) -> None:
        self._path, self._sha256, self._name = path, sha256, name
        self._teacher, self._settings, self._log = teacher, settings, log
        known = {name: number for number, name in enumerate(teacher.classes)}
        self._class_of = {known[name]: i for i, name in enumerate(settings.classes)}
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
            tqdm(total=clip.expected, desc=title, unit="frame", disable=None) as bar,
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
        if len(self._batch) == _BATCH:
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
        if self._settings.tta == "flip":
            predictions = predict_flipped(self._teacher, images, min_score=self._settings.floor)
        else:
            predictions = self._teacher.predict(images, min_score=self._settings.floor)
        frames = []
        for (frame, _), image, instances in zip(batch, images, predictions, strict=True):
            size = image.shape[0], image.shape[1]
            seen = detections_of(instances, self._class_of, size, self._settings.floor)
            count = self._store(frame.index, image)
            frames.append(LabelledFrame(frame.index, round(frame.time_s, 6), size, count, seen))
        with writing(self._log.folder):
            sync(self._log.folder / "images" / self._entry.name)
        self._log.add_frames(self._entry, frames)

    def _store(self, index: int, image: Image) -> int:
        """Write a frame's JPEG to the disk; how many bytes it has."""
        assert self._entry is not None  # noqa: S101  for the type checker
        path = image_path(self._log.folder, self._entry, index)
        buffer = BytesIO()
        PilImage.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # What a kill leaves of it is written over when the same frame is stored again.
            unseen = path.with_name(f".{path.name}")
            with unseen.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            unseen.replace(path)
        return buffer.getbuffer().nbytes


def without_folders(path: Path, problem: str) -> str:
    """A problem without the path in it, which depends on where the command ran."""
    bare = problem.removeprefix(f"{path}: ")
    return bare.replace(shlex.quote(str(path)), shlex.quote(path.name))
