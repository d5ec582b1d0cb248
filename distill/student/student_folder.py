"""Student folder: where a distillation writes what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

_RESUME = "training/weights/resume.pt"
_SNAPSHOT = "training/snapshot.pt"


class StudentFolder(RunFolder):
    """Files of a distillation.

    Attributes:
        losses: a line for each step, term by term.
        training: the folder of whoever trains; Ultralytics empties it where it starts processes.
        checkpoint: Ultralytics' own of the latest epoch.
        best: likewise, of the epoch with the best mask mAP.
        resume: what a run of Ultralytics' that was stopped goes on from.
        tensorboard: curves, where they are asked for.
        failed_batch: terms and files of a batch whose loss was not finite.
        report: what the student is worth on data.val.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, progress=("student.*", _RESUME, _SNAPSHOT))
        self.losses = path / "losses.jsonl"
        self.training = path / "training"
        self.resume = path / _RESUME
        self.checkpoint = self.resume.with_name("last.pt")
        self.best = self.resume.with_name("best.pt")
        self.tensorboard = path / "tensorboard"
        self.failed_batch = path / "failed-batch.json"
        self.report = path / "val.json"

    def student(self, suffix: str) -> Path:
        """The student's weights; `.pt` of Ultralytics, `.safetensors` of RTMDet-Ins."""
        return self.path / f"student{suffix}"
