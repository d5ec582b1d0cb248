"""Trainer: Ultralytics' own, with our images, our losses, and a stop that can be gone on from.

Its augmentation, averaging, mixed precision, several GPUs and plots stay as they are. It is made
from its settings alone, because that is how Ultralytics makes it anew in each process: `data` is
the path of a run's config.yaml.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distill.quiet  # noqa: F401 before Ultralytics

# isort: split
import numpy as np
import torch
from ultralytics.data.build import InfiniteDataLoader, build_dataloader, seed_worker
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import strip_optimizer, unwrap_model

from distill.errors import TrainingError
from distill.finetune.metrics_log import MetricsLog
from distill.finetune.recorder import first_lines
from distill.predict.open import load_teacher
from distill.student.config import read_config
from distill.student.distillation import distillation_of
from distill.student.training_images import read_images
from distill.student.ultralytics.combined_loss import Criterion, NotFiniteError
from distill.student.ultralytics.dataset import RecordDataset
from distill.student.ultralytics.ignored_regions import take_out_ignored
from distill.student.ultralytics.sampler import ShareSampler
from models.whole_file import whole_file

if TYPE_CHECKING:
    from torch import nn

    from distill.student.config import DistillConfig

FAILED = "failed-batch.json"


class StudentTrainer(SegmentationTrainer):
    """One run; `train()` begins it, or goes on with it."""

    config: DistillConfig

    def get_dataset(self) -> dict[str, Any]:
        """Read the images that `config.data` names."""
        self.config = read_config(Path(self.args.data))
        self._images = read_images(self.config)
        if RANK in {-1, 0} and not self.ddp:
            for line in first_lines(self._images.problems):
                print(line, file=sys.stderr)  # noqa: T201 where its progress goes
        classes = self.config.student.classes
        names = dict(enumerate(classes))
        return {"train": "", "val": "", "nc": len(classes), "names": names, "channels": 3}

    def build_dataset(
        self, _path: str, mode: str = "train", batch: int | None = None
    ) -> RecordDataset:
        """Ours, of labelled and then of pseudo-labelled images, or of held-out ones."""
        images, training = self._images, mode == "train"
        return RecordDataset(
            (*images.labelled, *images.pseudo) if training else images.val.images,
            with_ignored=training,
            data=self.data,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=training,
            hyp=self.args,
            rect=not training,
            stride=self.stride,
            prefix=f"{mode}: ",
        )

    def get_dataloader(
        self, path: str, batch_size: int = 16, rank: int = 0, mode: str = "train"
    ) -> InfiniteDataLoader:
        """Training draws fixed shares; everything else is Ultralytics'."""
        dataset = self.build_dataset(path, mode, batch_size)
        if mode != "train":
            return build_dataloader(dataset, batch_size, 0, shuffle=False, device=self.device)
        sampler = ShareSampler(
            len(self._images.labelled),
            len(self._images.pseudo),
            share=self.config.data.labelled_share,
            images=self.config.schedule.images_per_epoch,
            seed=self.config.seed,
            rank=max(rank, 0),
            processes=max(self.world_size, 1),
        )
        generator = torch.Generator()
        generator.manual_seed(self.config.seed)
        return InfiniteDataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.args.workers,
            pin_memory=self.device.type == "cuda",
            collate_fn=dataset.collate_fn,
            worker_init_fn=seed_worker,
            generator=generator,
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """To the device, 0 to 1, and regions to ignore out of the objects."""
        batch = super().preprocess_batch(batch)
        take_out_ignored(batch, self.data["nc"])
        return batch

    def set_model_attributes(self) -> None:
        """Make what learns beside the student, so that the optimiser and DDP see it."""
        super().set_model_attributes()
        self._teacher = None
        if not self.config.distils:
            return
        self._teacher = load_teacher(self.config.teacher.weights, device=str(self.device))
        channels = [branch[0].conv.in_channels for branch in self.model.model[-1].cv2]
        self.model.distillation = distillation_of(self.config, self._teacher, channels, self.device)

    def _build_train_pipeline(self) -> None:
        if self.optimizer is not None:  # memory ran out; theirs would go on with half of the batch
            raise self._no_memory()
        super()._build_train_pipeline()

    def _setup_train(self) -> None:
        super()._setup_train()
        student: nn.Module = unwrap_model(self.model)
        student.criterion = self._criterion = Criterion(
            student.init_criterion(),
            student,
            getattr(student, "distillation", None),
            self._teacher,
            self.config.strength,
            [name for name, weight in self.config.distil.weights().items() if weight],
        )
        if self.device.type == "cpu":
            # A quarter faster there (yolo11n-seg, 320 px, bf16), other than on a GPU by default.
            student.to(memory_format=torch.channels_last)
            if self.config.precision == "bf16":
                self._run_in_bf16(student)
        steps = self.start_epoch * len(self.train_loader)
        self._criterion.go_to(steps, self.start_epoch)
        if RANK in {-1, 0}:
            self._log = MetricsLog(self.config.losses, steps)
            self._open.callback(self._log.close)
        self.add_callback("on_train_epoch_start", StudentTrainer._seed_epoch)
        self.add_callback("on_train_batch_start", StudentTrainer._start_clock)
        self.add_callback("on_train_batch_end", StudentTrainer._log_step)

    def _do_train(self) -> None:
        with ExitStack() as self._open:
            try:
                super()._do_train()
            except NotFiniteError as error:
                self._stop_on(error)
            except torch.OutOfMemoryError as error:
                raise self._no_memory() from error

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        """Go on from `config.resume`, which is exact; Ultralytics' own begins from the average."""
        self._forget_distillation()
        if ckpt is None or not self.resume:
            return
        state = torch.load(self.config.resume, map_location=self.device, weights_only=True)
        unwrap_model(self.model).load_state_dict(state["model"])
        self.ema.ema.load_state_dict(state["average"])
        self.ema.updates = state["updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.best_fitness = state["best_fitness"]
        self.start_epoch = state["epoch"] + 1

    def save_model(self) -> bool:
        """Write Ultralytics' checkpoints and ours, each whole or not at all."""
        weights = unwrap_model(self.model).state_dict()
        if not all(value.isfinite().all() for value in weights.values()):  # theirs would be zeros
            raise TrainingError(
                f"the weights are not finite after epoch {self.epoch + 1}; lower schedule.lr, and "
                "begin anew with another --out"
            )
        state = {
            "epoch": self.epoch,
            "model": weights,
            "average": self.ema.ema.state_dict(),
            "updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best_fitness": None if self.best_fitness is None else float(self.best_fitness),
        }
        finals = self.last, self.best
        self.last, self.best = (path.with_suffix(".new") for path in finals)
        try:
            super().save_model()
            written = [
                pair
                for pair in zip((self.last, self.best), finals, strict=True)
                if pair[0].exists()
            ]
        finally:
            self.last, self.best = finals
        # Ours last: it says from where to go on, and asks of the others only that they are whole.
        for new, final in written:
            os.replace(new, final)  # noqa: PTH105 the word for what it does
        with whole_file(self.config.resume) as file:
            torch.save(state, file)
        return True

    def final_eval(self) -> None:
        """Nothing: the last epoch was measured, and `distil` makes the student of its weights."""

    def plot_training_labels(self) -> None:
        """Ultralytics' plot would count regions to ignore as objects; ours are in the batches."""

    def _forget_distillation(self) -> None:
        """Nothing of the teacher in the average, which is what is saved."""
        if hasattr(self.ema.ema, "distillation"):
            del self.ema.ema.distillation

    def _run_in_bf16(self, student: nn.Module) -> None:
        """What Ultralytics refuses on a CPU: a third faster where the CPU has AMX."""
        stack = ExitStack()

        def enter(_module: nn.Module, _inputs: Any) -> None:
            if student.training:
                stack.enter_context(torch.autocast("cpu", torch.bfloat16))

        student.register_forward_pre_hook(enter)
        student.register_forward_hook(lambda *_: stack.close(), always_call=True)

    def _seed_epoch(self) -> None:
        """So that a run that is resumed sees what it would have seen."""
        seed = hash((self.config.seed, self.epoch, RANK)) % 2**32
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 what Ultralytics' augmentation draws from
        torch.manual_seed(seed)
        loader = self.train_loader
        loader.reset()  # its processes have begun the next epoch, with what they drew before
        loader.generator.manual_seed(seed)  # theirs come from it
        loader.sampler.set_epoch(self.epoch)
        dataset = loader.dataset  # its latest images are what mosaics are made of
        for number in dataset.buffer:
            dataset.ims[number] = None
        dataset.buffer.clear()

    def _start_clock(self) -> None:
        self._began = time.perf_counter()

    def _log_step(self) -> None:
        if RANK not in {-1, 0}:
            return
        self._log.add(
            step=self._criterion.step,
            loss=self._criterion.loss,
            terms=self._criterion.terms,
            seconds=round(time.perf_counter() - self._began, 4),
        )

    def _no_memory(self) -> TrainingError:
        return TrainingError(
            f"there is no memory for {self.config.schedule.batch_size} images a step; lower "
            "schedule.batch_size or student.image_size, for the control, too"
        )

    def _stop_on(self, error: NotFiniteError) -> None:
        step = self._criterion.step + 1  # as in the log
        bad = [name for name, value in error.terms.items() if not np.isfinite(value)]
        path = self.config.run / FAILED
        content = {
            "step": step,
            "terms": {name: str(value) for name, value in error.terms.items()},
            "images": list(error.images),
            "learning_rates": [group["lr"] for group in self.optimizer.param_groups],
        }
        with whole_file(path) as file:
            file.write(json.dumps(content, indent=1).encode())
        raise TrainingError(
            f"step {step}: {' and '.join(bad) or 'the loss on labels'} is not finite; {path} has "
            "terms and images; lower schedule.lr or the weight of that term, and begin anew with "
            "another --out"
        )


def epochs_done(config: DistillConfig) -> int:
    """How much of a run is done, and will not be done again."""
    if not config.resume.exists():
        return 0
    state = torch.load(config.resume, map_location="cpu", weights_only=True)
    return state["epoch"] + 1


def write_student(last: Path, path: Path) -> None:
    """Write the averaged weights of a checkpoint, and nothing else of it, whole or not at all."""
    new = path.with_suffix(".new")
    strip_optimizer(last, s=str(new))
    os.replace(new, path)  # noqa: PTH105 the word for what it does
