"""Finetune folder: where a fine-tuning writes what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

_SNAPSHOT = "snapshot.pt"


class FinetuneFolder(RunFolder):
    """Files of a fine-tuning.

    Attributes:
        metrics: a line for each step and evaluation.
        snapshot: what the run goes on from.
        best: averaged weights with the best mask mAP on data.val.
        last: averaged weights of the last snapshot.
        table: the start beside the end of each stage.
        failed_batch: files of a batch whose loss was not finite.
        tensorboard: curves and pictures.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, progress=(_SNAPSHOT,))
        self.metrics = path / "metrics.jsonl"
        self.snapshot = path / _SNAPSHOT
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.table = path / "table.md"
        self.failed_batch = path / "failed-batch.json"
        self.tensorboard = path / "tensorboard"

    def samples(self, stage: str) -> Path:
        """Where samples of a stage are drawn."""
        return self.path / f"batch-{stage}.png"
