"""What a distillation is: student, teacher, images, schedule, weights of the losses."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 pydantic reads these
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from distill.settings.document import Strict, read_document
from distill.settings.kinds import Location, Rate, Share, Source, SourceList  # noqa: TC001 likewise
from distill.tracker import Service  # noqa: TC001 likewise

_MULTIPLE = 32  # px; the coarsest level's stride
_RTMDET = "rtmdet-ins-"
_SHARES = ("hsv_h", "hsv_s", "hsv_v", "translate", "scale", "flipud", "fliplr", "mosaic", "mixup")
_AUGMENTATION = dict.fromkeys((*_SHARES, "cutmix", "copy_paste"), 1.0) | {
    "degrees": 180.0,
    "shear": 180.0,
    "perspective": 0.001,
}
"""Ultralytics' words that vary what a student is shown, and the greatest value of each."""

TERMS = ("feature", "class_maps", "boxes", "masks")
"""What a student learns from its teacher beside its labels, each with a weight."""

Weight = Annotated[float, Field(ge=0, le=1000)]


class StudentChoice(Strict):
    """The compact network, and where it starts from."""

    model: str | None = Field(
        None,
        pattern=r"^(yolo(26|11|v8)[nsmlx]-seg|rtmdet-ins-(tiny|s))$",
        description="yolo26n-seg, yolo11n-seg, yolov8n-seg (or s, m, l, x), rtmdet-ins-tiny, -s; "
        "none: the network in `weights`, a .pt",
    )
    weights: Location | None = Field(
        None,
        description=".pt of Ultralytics (.safetensors or .pth of RTMDet-Ins) to start from; what "
        "has another shape, such as the layer of other classes, starts anew; none: random",
    )
    classes: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        min_length=1, max_length=1000, description="what is to be found, in the order of class ids"
    )
    image_size: int = Field(
        640, ge=64, le=2048, multiple_of=_MULTIPLE, description="side of the input (px)"
    )

    @model_validator(mode="after")
    def _is_a_network(self) -> StudentChoice:
        if not self.model and (self.weights is None or self.weights.suffix != ".pt"):
            raise ValueError("name a model, such as yolo11n-seg, or weights that end in .pt")
        return self

    @property
    def name(self) -> str:
        """For reports."""
        return self.model or (self.weights.stem if self.weights else "")

    @property
    def rtmdet_size(self) -> str | None:
        """Size of an RTMDet-Ins student, None for Ultralytics."""
        if self.model is None or not self.model.startswith(_RTMDET):
            return None
        return self.model.removeprefix(_RTMDET)


class TeacherChoice(Strict):
    """The network that is imitated."""

    weights: Location = Field(description=".safetensors or .pth (RTMDet-Ins), .pt (Ultralytics)")
    names: dict[str, str] = Field(
        default={}, description="our class: what the teacher calls it, where the names differ"
    )


class Data(Strict):
    """What is learned from, and what is measured on."""

    labelled: SourceList = Field(default=(), description="images that people labelled")
    pseudo: SourceList = Field(
        default=(),
        description="images that the teacher labelled (`sfumato-distill label`): what it accepts "
        "is a target, what it doubts is neither positive nor negative",
    )
    labelled_share: Share = Field(
        0.25, description="share of the images of an epoch drawn from data.labelled"
    )
    balance: Share = Field(
        0.0,
        description="classes in fewer than this share of the images (0 to 1) come up more often; "
        "0: none",
    )
    val: Source = Field(description="held-out images to measure on; never trained on")

    @model_validator(mode="after")
    def _something_to_learn(self) -> Data:
        if not self.labelled and not self.pseudo:
            raise ValueError("labelled and pseudo are both empty; name a COCO file in one of them")
        return self


class Schedule(Strict):
    """How long, how much at once, how fast."""

    epochs: int = Field(100, ge=1, le=100_000)
    images_per_epoch: int = Field(
        4000, ge=1, description="whatever the data sets hold, so that arms are comparable"
    )
    batch_size: int = Field(16, ge=1, le=4096, description="images a step")
    lr: Rate = Field(0.001, description="peak learning rate of AdamW")
    warmup_epochs: float = Field(1.0, ge=0, description="linear rise of the learning rate")
    close_mosaic: int = Field(10, ge=0, description="last epochs without mosaic")
    patience: int = Field(
        0,
        ge=0,
        description="epochs in a row without a better mask mAP on data.val that end the run, whose "
        "student is then the best epoch's; 0: it never ends early, and nothing is chosen by data.val",
    )


class TeacherLosses(Strict):
    """Weights of what is learned from the teacher beside its labels; 0 is off: never computed."""

    feature: Weight = Field(0.5, description="channel-wise divergence of P3, P4, P5")
    class_maps: Weight = Field(1.0, description="class probabilities everywhere")
    boxes: Weight = Field(2.0, description="GIoU of boxes, weighted by the teacher's score")
    masks: Weight = Field(2.0, description="BCE and Dice of matched instances' masks")
    warmup: Share = Field(0.05, description="share of the run in which the weights rise from 0")
    stop: Share = Field(0.93, description="share of the run after which they are 0 again")

    def weights(self) -> dict[str, float]:
        """By the names of the losses."""
        return {name: getattr(self, name) for name in TERMS}

    def only(self, *names: str) -> TeacherLosses:
        """The same with all other losses off."""
        return self.model_copy(update={name: 0.0 for name in TERMS if name not in names})


class DistillConfig(Strict):
    """One run of `sfumato-distill distill`."""

    run: Location = Field(description="output folder; one run each")
    student: StudentChoice
    teacher: TeacherChoice
    data: Data
    schedule: Schedule = Schedule()
    distill: TeacherLosses = TeacherLosses()
    augmentation: dict[str, float] = Field(
        default={}, description=f"Ultralytics' own names: {', '.join(_AUGMENTATION)}"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 on a GPU, fp32 on a CPU"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="fixes weights, images and augmentation")
    workers: int = Field(0, ge=0, le=64, description="loader processes; 0 loads between steps")
    logger: Service | None = Field(
        None,
        description="wandb or mlflow: who hears of the figures, and of nothing else; tensorboard: "
        "curves in the run's folder; none: nobody",
    )

    @field_validator("augmentation")
    @classmethod
    def _is_augmentation(cls, given: dict[str, float]) -> dict[str, float]:
        for name, value in given.items():
            if name not in _AUGMENTATION:
                raise ValueError(f"has {name!r}; there are {', '.join(_AUGMENTATION)}")
            if not 0 <= value <= _AUGMENTATION[name]:
                raise ValueError(f"{name} is {value:g}; it goes from 0 to {_AUGMENTATION[name]:g}")
        return given

    @model_validator(mode="after")
    def _shares_have_images(self) -> DistillConfig:
        for source in (*self.data.labelled, *self.data.pseudo, self.data.val):
            if unknown := set(source.names) - set(self.student.classes):
                raise ValueError(
                    f"names of {source.annotations.name} has {min(unknown)!r}, which is none of "
                    "student.classes; it is our class: what the file calls it"
                )
        if unknown := set(self.teacher.names) - set(self.student.classes):
            raise ValueError(
                f"teacher.names has {min(unknown)!r}, which is none of student.classes; it is "
                "our class: what the teacher calls it"
            )
        if len(set(self.student.classes)) < len(self.student.classes):
            raise ValueError("student.classes names a class twice")
        if self.distill.warmup > self.distill.stop:
            raise ValueError("distill.stop lies before the end of distill.warmup")
        return self

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.schedule.epochs * -(-self.schedule.images_per_epoch // self.schedule.batch_size)

    def control(self) -> DistillConfig:
        """The identical run without the teacher beside its labels."""
        return self.model_copy(update={"distill": self.distill.only()})

    @property
    def uses_teacher(self) -> bool:
        """Whether the teacher is needed in training."""
        return any(self.distill.weights().values())

    def strength(self, step: int) -> float:
        """Factor of the weights at a step (counted from 0): a rise, then 1, then 0."""
        done = step / self.steps
        if done >= self.distill.stop:
            return 0.0
        return min(1.0, done / self.distill.warmup) if self.distill.warmup else 1.0


def read_config(path: Path) -> DistillConfig:
    """A run's settings.

    Raises:
        UsageError: one line with file, dotted path and value.
    """
    return read_document(path, DistillConfig)
