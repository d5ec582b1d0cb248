"""Epoch figures: where else than in Ultralytics' own table an epoch's figures go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.finetune.training_curves import Curves
from distill.tracker import Tracker

if TYPE_CHECKING:
    from distill.student.config import DistillConfig
    from distill.student.student_folder import StudentFolder


class EpochFigures:
    """Curves for TensorBoard, or a service, as the config says; mostly neither.

    Args:
        config: the run.
        folder: the run's.
        epoch: the first to come, counted from 1.
    """

    def __init__(self, config: DistillConfig, folder: StudentFolder, epoch: int) -> None:
        self._curves = self._tracker = None
        if config.logger == "tensorboard":
            self._curves = Curves(folder.tensorboard, epoch)
        elif config.logger:
            schedule = config.schedule
            settings = {
                "network": config.student.name,
                "image_size": config.student.image_size,
                "batch_size": schedule.batch_size,
                "epochs": schedule.epochs,
                "seed": config.seed,
            }
            self._tracker = Tracker(config.logger, folder.path, settings)

    def log(self, values: dict[str, float], epoch: int) -> None:
        """An epoch is over.

        Raises:
            OutputError: curves can't be written.
        """
        if self._curves:
            self._curves.scalars(values, epoch)
        if self._tracker:
            self._tracker.log(values, epoch)

    def close(self) -> None:
        """It was the last."""
        if self._curves:
            self._curves.close()
        if self._tracker:
            self._tracker.close()
