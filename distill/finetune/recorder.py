"""Recorder: everything that a run writes while it goes, by its first process alone."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from distill.files import writing
from distill.finetune.metrics_log import MetricsLog, read_metrics
from distill.finetune.results import figures, table
from distill.finetune.samples_page import drawn, grid, write_png
from distill.finetune.schedule import position_of
from distill.finetune.snapshot import write_snapshot
from distill.finetune.training_curves import Curves
from distill.finetune.validation import measured, pictured, predictor_of
from distill.progress import progress
from distill.tracker import EVERY_STEPS, Tracker
from models.nets.checkpoint import save_safetensors
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from distill.data.coco import CocoDataset
    from distill.finetune.batch import Batch
    from distill.finetune.config import FinetuneConfig
    from distill.finetune.finetune_folder import FinetuneFolder
    from distill.finetune.initial_weights import InitialNetwork
    from distill.finetune.samples import Samples
    from distill.finetune.snapshot import Snapshot
    from models.nets.rtmdet_ins import RTMDetIns

_PAGE_SAMPLES = 16
_MAX_LINES = 5
NO_MAP = -1.0
"""The best mean average precision before there was one; below every other."""


class Recorder:
    """Metrics, curves, pictures, weights and progress of a run.

    Args:
        folder: where it goes.
        config: what the run is.
        start: where its weights came from.
        done: steps that it goes on from; what is written of later ones is cut.
        best: the best mask mAP so far.
        stale: evaluations of the last stage in a row that were no better.
    """

    def __init__(
        self,
        folder: FinetuneFolder,
        config: FinetuneConfig,
        start: InitialNetwork,
        done: int,
        best: float,
        stale: int = 0,
    ) -> None:
        folder.begin(config)
        self.best, self.stale = best, stale
        self._folder, self._config, self._start = folder, config, start
        self._said: set[str] = set()
        self._metrics = MetricsLog(folder.metrics, done)
        if not done:
            shutil.rmtree(folder.tensorboard, ignore_errors=True)
        self._curves = Curves(folder.tensorboard, done + 1)
        self._tracker = None
        if config.logger and config.logger != "tensorboard":  # that has its curves anyway
            self._tracker = Tracker(config.logger, folder.path, _told(config))
        self._progress = progress(total=config.steps, initial=done, unit="step", leave=True)

    def step(self, done: int, stage: str, losses: dict[str, float], **more: float | None) -> None:
        """A step is done."""
        line = {"loss": sum(losses.values()), **losses, **more}
        self._metrics.add(step=done, stage=stage, **line)
        known = {f"train/{name}": value for name, value in line.items() if value is not None}
        self._curves.scalars(known, done)
        if self._tracker and done % EVERY_STEPS == 0:
            self._tracker.log(known, done)
        self._progress.set_postfix(
            stage=stage,
            loss=f"{line['loss']:.3f}",
            lr=f"{more['lr']:.1e}",
            images_per_s=more["images_per_s"],
            refresh=False,
        )
        self._progress.update()

    def say(self, lines: list[str]) -> None:
        """Lines for the person who watches, each once: an image comes up in every epoch."""
        for line in lines:
            if line not in self._said:
                self._said.add(line)
                tqdm.write(line)

    def evaluate(
        self, net: RTMDetIns, val: CocoDataset, device: torch.device, done: int, ends: str
    ) -> None:
        """Measure the averaged network, and keep it if it is the best so far.

        Args:
            net: the average; it is left alone.
            val: what to measure on.
            device: where.
            done: steps so far.
            ends: the stage that is over, `start` before the first, or empty in between.
        """
        predictor = predictor_of(net, self._config.model.image_size, device)
        evaluation = measured(predictor, val)
        self.say(first_lines(evaluation.problems))
        result = figures(evaluation)
        self._metrics.add(step=done, ends=ends, evaluation=result)
        known = {f"val/{name}": value for name, value in result.items()}
        self._curves.scalars(known, done)
        if self._tracker:
            self._tracker.log(known, done)
        self._curves.image("val", pictured(predictor, val), done)
        better = result["mask_map"] > self.best or self.best <= 0  # while nothing is found at all
        last = position_of(self._config, max(done - 1, 0)).number == len(self._config.stages) - 1
        self.stale = 0 if better or not last else self.stale + 1
        if result["mask_map"] >= self.best:
            self.best = result["mask_map"]
            self._keep(net, self._folder.best)
        where = {"": "", "start": ", before"}.get(ends, f", end of {ends}")
        said = (
            f"step {done}{where}: mask mAP {result['mask_map']:.3f}, "
            f"mAP50 {result['mask_map50']:.3f}, best mAP {self.best:.3f}"
        )
        self.say([said])

    def snapshot(self, net: RTMDetIns, snapshot: Snapshot) -> None:
        """Make the run go on from here, should it be killed; the last one ends it.

        Args:
            net: the average.
            snapshot: the whole state.

        Raises:
            OutputError: the disk is full, or the folder can't be written to.
        """
        self._metrics.sync()
        self._keep(net, self._folder.last)
        if snapshot.ends(self._config):
            content = table(read_metrics(self._folder.metrics))
            table_file = self._folder.table
            with writing(table_file), whole_file(table_file) as file:
                file.write(content.encode())
        write_snapshot(self._folder.snapshot, snapshot)

    def close(self) -> None:
        """End all files."""
        self._progress.close()
        if self._tracker:
            self._tracker.close()
        self._curves.close()
        self._metrics.close()
        self._folder.close()

    def _keep(self, net: RTMDetIns, path: Path) -> None:
        with writing(path):
            save_safetensors(
                net,
                path,
                self._config.model.classes,
                source=self._start.source,
                source_sha256=self._start.source_sha256,
                image_size=self._config.model.image_size,
            )


def _told(config: FinetuneConfig) -> dict[str, Any]:
    """What a tracker hears of the settings: no paths."""
    return {
        "network": f"rtmdet-ins-{config.model.size}",
        "image_size": config.model.image_size,
        "batch_size": config.batch_size,
        "steps": config.steps,
        "seed": config.seed,
    }


def first_lines(lines: Sequence[str]) -> list[str]:
    """A few of many lines, and how many more there are."""
    more = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], *([f"... and {more} more"] if more > 0 else [])]


def draw_samples(folder: FinetuneFolder, config: FinetuneConfig, samples: Samples) -> None:
    """Draw the first samples of each stage, for a person to look at.

    Raises:
        OutputError: the folder can't be written to.
    """
    first = 0
    for stage in config.stages:
        images = stage.steps * config.batch_size
        pictures = [samples[first + i].picture for i in range(min(_PAGE_SAMPLES, images))]
        write_png(folder.samples(stage.name), grid([drawn(picture) for picture in pictures]))
        first += images


def write_failed_batch(path: Path, step: int, what: str, batch: Batch) -> None:
    """Keep the names of the images that a step failed on.

    Raises:
        OutputError: the file can't be written.
    """
    content: dict[str, Any] = {
        "step": step,
        "not_finite": what,
        "images": [[str(path) for path in paths] for paths in batch.paths],
    }
    with writing(path), whole_file(path) as file:
        file.write(json.dumps(content, indent=1).encode())
