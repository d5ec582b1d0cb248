"""Student trainer: Ultralytics' own, with our images, our losses, and a way to go on exactly.

Its augmentation, averaging, mixed precision, several GPUs and plots stay as they are. It is made
from its settings alone, because that is how Ultralytics makes it anew in each process: `data` is
the path of a run's config.yaml.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ultralytics.data.build import InfiniteDataLoader, build_dataloader
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from distill.data.next_readable import plain
from distill.errors import InputError, TrainingError
from distill.files import writing
from distill.finetune.metrics_log import MetricsLog
from distill.finetune.recorder import first_lines
from distill.finetune.torch_file import write_torch
from distill.predict.open import load_teacher
from distill.progress import ProgressLines
from distill.student.config import read_config
from distill.student.distillation import distillation_of
from distill.student.student_folder import StudentFolder
from distill.student.training_images import read_images
from distill.student.ultralytics.checkpoints import restore, resume_state
from distill.student.ultralytics.combined_loss import CombinedLoss, NotFiniteError
from distill.student.ultralytics.cpu import prepare_for_cpu
from distill.student.ultralytics.dataset import RecordDataset
from distill.student.ultralytics.epoch_figures import EpochFigures
from distill.student.ultralytics.ignored_regions import take_out_ignored
from distill.student.ultralytics.loader import begin_epoch, training_loader
from distill.student.ultralytics.plain_trainer import PlainTrainer
from models.whole_file import whole_file

if TYPE_CHECKING:
    from distill.student.config import DistillConfig


class StudentTrainer(PlainTrainer):
    """One run; `train()` begins it, or goes on with it."""

    config: DistillConfig
    # Ultralytics fills these in as it sets up, and types them as they are before.
    model: Any
    ema: Any
    optimizer: Any
    scaler: Any

    def get_dataset(self) -> dict[str, Any]:
        """Read the images that `config.data` names."""
        self.config = read_config(Path(self.args.data))
        self._folder = StudentFolder(self.config.run)
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
        return training_loader(
            dataset,
            self._images,
            self.config,
            batch_size=batch_size,
            workers=self.args.workers,  # which Ultralytics sets to 0 on a CPU
            pin_memory=self.device.type == "cuda",
            rank=max(rank, 0),
            processes=max(self.world_size, 1),
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """To the device, 0 to 1, and regions to ignore out of the objects."""
        batch = super().preprocess_batch(batch)
        take_out_ignored(batch, self.data["nc"])
        return batch

    def set_model_attributes(self) -> None:
        """Make what learns beside the student, so that the optimizer and DDP see it."""
        super().set_model_attributes()
        self._teacher = None
        if not self.config.uses_teacher:
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
        student: Any = unwrap_model(self.model)
        student.criterion = self._criterion = CombinedLoss(
            student.init_criterion(),
            student,
            getattr(student, "distillation", None),
            self._teacher,
            self.config.strength,
            [name for name, weight in self.config.distill.weights().items() if weight],
        )
        if self.device.type == "cpu":
            prepare_for_cpu(student, bf16=self.config.precision == "bf16")
        steps = self.start_epoch * len(self.train_loader)
        self._criterion.go_to(steps, self.start_epoch)
        if RANK in {-1, 0}:
            self._log = MetricsLog(self._folder.losses, steps)
            self._open.callback(self._log.close)
            self._progress = ProgressLines(  # a terminal has Ultralytics' bar of each epoch
                total=self.epochs * len(self.train_loader), initial=steps, unit="step"
            )
            self._open.callback(self._progress.close)
            self._figures = EpochFigures(self.config, self._folder, self.start_epoch + 1)
            self._open.callback(self._figures.close)
        self.add_callback("on_fit_epoch_end", StudentTrainer._tell_epoch)
        self.add_callback("on_train_epoch_start", StudentTrainer._seed_epoch)
        self.add_callback("on_train_batch_start", StudentTrainer._start_clock)
        self.add_callback("on_train_batch_end", StudentTrainer._log_step)

    def _do_train(self) -> None:
        with ExitStack() as self._open:
            try:
                super()._do_train()
            except NotFiniteError as error:
                self._stop_on(error)
            except InputError as error:
                raise plain(error) from None
            except torch.OutOfMemoryError as error:
                raise self._no_memory() from error

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        """Go on from our own file, which is exact; Ultralytics' begins from the average."""
        if hasattr(self.ema.ema, "distillation"):  # nothing of the teacher in what is saved
            del self.ema.ema.distillation
        if ckpt is None or not self.resume:
            return
        restore(self, self._folder.resume)

    def save_model(self) -> bool:
        """Write Ultralytics' checkpoints and ours, each whole or not at all."""
        state = resume_state(self)
        finals = self.last, self.best
        self.last, self.best = news = tuple(path.with_suffix(".new") for path in finals)
        try:
            with writing(finals[0]):  # or its twin
                super().save_model()
                for new, final in zip(news, finals, strict=True):
                    if new.exists():
                        os.replace(new, final)  # noqa: PTH105 the word for what it does
        finally:
            self.last, self.best = finals
            for new in news:
                new.unlink(missing_ok=True)
        # Ours last: it says from where to go on, and asks of the others only that they are whole.
        write_torch(self._folder.resume, state)
        return True

    def final_eval(self) -> None:
        """Nothing: the last epoch was measured, and `write_student` makes the student of its weights."""

    def plot_training_labels(self) -> None:
        """Ultralytics' plot would count regions to ignore as objects; ours are in the batches."""

    def _seed_epoch(self) -> None:
        """So that a run that is resumed sees what it would have seen."""
        seed = hash((self.config.seed, self.epoch, RANK)) % 2**32
        begin_epoch(self.train_loader, self.epoch, seed)

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
        if not sys.stderr.isatty():
            self._progress.set_postfix(epoch=self.epoch + 1, loss=f"{self._criterion.loss:.3f}")
            self._progress.update()

    def _tell_epoch(self) -> None:
        if RANK in {-1, 0}:
            losses: Any = self.label_loss_items(self.tloss, prefix="train")
            rates: Any = self.lr  # Ultralytics types both as they are before
            values: dict[str, Any] = {**losses, **rates, **(self.metrics or {})}
            self._figures.log(
                {name: float(value) for name, value in values.items()}, self.epoch + 1
            )

    def _no_memory(self) -> TrainingError:
        return TrainingError(
            f"there is no memory for {self.config.schedule.batch_size} images a step; lower "
            "schedule.batch_size or student.image_size, for the control, too"
        )

    def _stop_on(self, error: NotFiniteError) -> None:
        step = self._criterion.step + 1  # as in the log
        bad = [name for name, value in error.terms.items() if not np.isfinite(value)]
        path = self._folder.failed_batch
        content = {
            "step": step,
            "terms": {name: str(value) for name, value in error.terms.items()},
            "images": list(error.images),
            "learning_rates": [group["lr"] for group in self.optimizer.param_groups],
        }
        with writing(path), whole_file(path) as file:
            file.write(json.dumps(content, indent=1).encode())
        raise TrainingError(
            f"step {step}: {' and '.join(bad) or 'the loss on labels'} is not finite; {path} has "
            "terms and images; lower schedule.lr or the weight of that term, and begin anew with "
            "another --out"
        )
