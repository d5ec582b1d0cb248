"""Plain trainer: Ultralytics' own, in which a file that can't be written is one line with its name.

In each process, if there are several.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.utils import USER_CONFIG_DIR
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command
from ultralytics.utils.plotting import plot_images
from ultralytics.utils.torch_utils import unset_deterministic

from distill.files import writing
from distill.student.ultralytics.processes import reported, run_processes
from distill.student.ultralytics.validator import StudentValidator


class PlainTrainer(SegmentationTrainer):
    """One run; `train()` begins it, or goes on with it."""

    def __init__(self, *, overrides: dict[str, Any], **settings: Any) -> None:
        """Set up; see Ultralytics for what it takes.

        Raises:
            InputError: the images can't be used.
            OutputError: a file can't be written.
        """
        with reported(), writing(Path(overrides["save_dir"]) / "args.yaml"):
            super().__init__(overrides=overrides, **settings)

    def train(self) -> None:
        """Train, here or in a process for each GPU.

        Raises:
            OutputError: a file can't be written.
            TrainingError: training can't go on.
        """
        if not self.ddp:
            with reported(), writing(self.save_dir):
                super().train()
            return
        try:
            with writing(USER_CONFIG_DIR):
                _, program = generate_ddp_command(self)  # it empties our folder
            try:
                run_processes(program, self.world_size)
            finally:
                ddp_cleanup(self, program)
        finally:
            unset_deterministic()  # which a trainer sets from its beginning on

    def get_validator(self) -> StudentValidator:
        """Theirs, in our hands."""
        return StudentValidator(self.test_loader, self.save_dir, copy(self.args), self.callbacks)

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Ultralytics' table of epochs; a full disk is said with the file's name."""
        with writing(self.csv):
            super().save_metrics(metrics)

    def plot_metrics(self) -> None:
        """Likewise its curves."""
        with writing(self.save_dir / "results.png"):
            super().plot_metrics()

    def plot_training_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Likewise its pictures: here, not in a thread, whose faults nobody hears of."""
        path = self.save_dir / f"train_batch{ni}.jpg"
        with writing(path):
            plot_images(batch, paths=batch["im_file"], fname=path, threaded=False)
