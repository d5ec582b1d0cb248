"""Run folder: all that a run writes, and whether a command may go on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from distill.errors import OutputError, UsageError
from distill.finetune.config import FinetuneConfig
from distill.lock import Lock
from distill.settings.document import first_change, read_document
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FREE = ("run", "workers")
"""Settings that don't change what comes out."""


class RunFolder:
    """Paths in a run's folder.

    Attributes:
        config: settings, all paths absolute.
        metrics: a line for each step and evaluation.
        snapshot: what the run goes on from.
        best: averaged weights with the best mask mAP on data.val.
        last: averaged weights of the last snapshot.
        table: the start beside the end of each stage.
        failed_batch: files of a batch whose loss was not finite.
        tensorboard: curves and pictures.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.snapshot = path / "snapshot.pt"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.table = path / "table.md"
        self.failed_batch = path / "failed-batch.json"
        self.tensorboard = path / "tensorboard"
        self._lock: Lock | None = None

    def check(self, config: FinetuneConfig) -> None:
        """See that the folder is new, of a run with these settings, or of one with no snapshot.

        Raises:
            UsageError: it is not; the message names the first setting that differs.
        """
        if not self.config.exists():
            if self.path.exists() and (not self.path.is_dir() or any(self._contents())):
                raise UsageError(
                    f"{self.path} is there and is no run of ours; give another --out, or empty it"
                )
            return
        if not self.snapshot.exists():
            return  # a dry run, or one that has nothing to lose yet
        before = read_document(self.config, FinetuneConfig)
        changed = first_change(before, config, free=_FREE)
        if changed:
            raise UsageError(
                f"{self.path} was begun with {changed}; give another --out, or delete the folder "
                "to begin anew"
            )

    def begin(self, config: FinetuneConfig) -> None:
        """Make the folder, keep others from it as long as this object lives, keep the settings.

        Raises:
            UsageError: another process is at work in it.
            OutputError: it can't be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or Lock(self.path)
            if not self.snapshot.exists():
                content = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
                with whole_file(self.config) as file:
                    file.write(content.encode())
        except OSError as error:
            raise OutputError(f"{self.path} can't be written to: {error.strerror}") from error

    def _contents(self) -> Iterator[Path]:
        """What is in it, but for what a kill leaves of a beginning, which is hidden."""
        return (path for path in self.path.iterdir() if not path.name.startswith("."))

    def samples(self, stage: str) -> Path:
        """Where samples of a stage are drawn."""
        return self.path / f"batch-{stage}.png"
