"""What a fine-tuning run is: network, data, stages, recipe."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 pydantic reads these
from typing import Annotated, Literal

from pydantic import Field, model_validator

from distill.settings.document import Strict, read_document
from distill.settings.kinds import Location, Rate, Share, Source, SourceList  # noqa: TC001 likewise
from distill.tracker import Service  # noqa: TC001 likewise

_MULTIPLE = 32  # px; the coarsest level's stride


class Model(Strict):
    """The network, and where it starts from."""

    size: Literal["tiny", "s", "m", "l", "x"] = Field(
        "tiny", description="5.6, 10.2, 27.6, 57.4 or 102.7 million parameters"
    )
    weights: Location | None = Field(
        None, description="published .pth or a .safetensors of ours to start from; none: random"
    )
    head: str = Field(
        "keep",
        pattern=r"^(keep|fresh|from:.+)$",
        description="class layer for `classes`: 'keep' where the weights know just these; 'fresh' "
        "starts anew; 'from:bottle,cup' takes over what the weights know of these, in this order",
    )
    classes: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        min_length=1, max_length=1000, description="what is to be found, in the order of class ids"
    )
    image_size: int = Field(
        640,
        ge=64,
        le=2048,
        multiple_of=_MULTIPLE,
        description="network input, width and height (px), a multiple of 32",
    )

    @model_validator(mode="after")
    def _each_class_once(self) -> Model:
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice:
            raise ValueError(f"classes has {twice[0]!r} twice; name each class once")
        return self


class Data(Strict):
    """What is learned from, and what is measured on."""

    own: SourceList = Field(
        default=(), description="your own labelled clips; images without objects count"
    )
    public: SourceList = Field(
        default=(), description="a public dataset; only its images with our classes are used"
    )
    public_empty: bool = Field(
        False,
        description="use its other images, too; for files in which every object was looked for",
    )
    balance: Share = Field(
        0.0,
        description="classes in fewer than this share of the images (0 to 1) come up more often; "
        "0: none",
    )
    val: Source = Field(description="held-out images to measure on; never trained on")

    @model_validator(mode="after")
    def _something_to_learn(self) -> Data:
        if not self.own and not self.public:
            raise ValueError("own and public are both empty; name at least one COCO file in own")
        return self


class Stage(Strict):
    """A part of the run: what learns, and from which data."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$", description="for tables and file names")
    trains: Literal["head", "all"] = Field(
        description="'head': backbone and neck are frozen, their batch norms too"
    )
    steps: int = Field(ge=1, le=10_000_000, description="optimizer steps, `batch_size` images each")
    lr: Rate = Field(description="peak learning rate of this stage, at this batch size")
    backbone_lr_factor: float = Field(
        1.0, gt=0, le=1, description="backbone's learning rate as a share of `lr`"
    )
    own_share: Share = Field(
        1.0, description="share of images (0 to 1) drawn from data.own, the rest from data.public"
    )
    strong_share: Share = Field(
        0.8,
        description="first share of the stage's steps (0 to 1) that see mosaic and mixup; "
        "the last steps should look like the real thing",
    )


class Augmentation(Strict):
    """How images are varied; sizes relative to the image fitted into the network's input."""

    scale_min: float = Field(0.5, ge=0.05, le=1, description="smallest zoom (factor)")
    scale_max: float = Field(
        2.0, ge=1, le=4, description="largest zoom (factor); crops what is over"
    )
    flip: Share = Field(0.5, description="probability of a mirror image")
    brightness: Share = Field(0.3, description="at most this share brighter or darker")
    contrast: Share = Field(0.3, description="at most this share more or less contrast")
    saturation: Share = Field(0.4, description="at most this share more or less colourful")
    hue: float = Field(0.02, ge=0, le=0.5, description="at most this share of the colour circle")
    mosaic: Share = Field(0.5, description="probability that four images make one (strong part)")
    mixup: Share = Field(0.1, description="probability that two are blended (strong part)")


class OptimizerSettings(Strict):
    """AdamW; norms and biases never decay."""

    weight_decay: float = Field(0.05, ge=0, le=1, description="per unit of learning rate")
    clip_norm: float = Field(
        35.0, gt=0, le=10_000, description="longest gradient of all parameters together (L2 norm)"
    )


class Schedule(Strict):
    """Learning rate over the run, as a factor of each stage's `lr`."""

    warmup_steps: int = Field(
        50, ge=0, le=100_000, description="linear rise from 1e-5 at the start of each stage (steps)"
    )
    flat_share: Share = Field(
        0.5, description="share of the whole run (0 to 1) before the cosine descent begins"
    )
    floor: float = Field(0.05, ge=0, le=1, description="where the descent ends (factor)")


class FinetuneConfig(Strict):
    """One run of `sfumato-distill finetune`."""

    run: Location = Field(description="output folder; one run each")
    model: Model
    data: Data
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=20)
    augmentation: Augmentation = Augmentation()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: Schedule = Schedule()
    batch_size: int = Field(8, ge=1, le=4096, description="images a step, over all processes")
    ema_momentum: float = Field(
        2e-4,
        gt=0,
        le=1,
        description="share of the new weights in the averaged ones a step; more in short runs",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 or fp16 on a GPU, fp32 on a CPU"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="fixes weights, images and augmentation")
    workers: int = Field(0, ge=0, le=64, description="loader processes; 0 loads between steps")
    evaluate_every: int = Field(500, ge=1, description="steps between evaluations on data.val")
    patience: int = Field(
        0,
        ge=0,
        description="evaluations of the last stage in a row without a better mask mAP that end the "
        "run; 0: it never ends early",
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between snapshots to resume from")
    logger: Service | None = Field(
        None,
        description="wandb or mlflow: who hears of the figures, and of nothing else; tensorboard: "
        "curves in the run's folder; none: nobody",
    )

    @model_validator(mode="after")
    def _shares_have_images(self) -> FinetuneConfig:
        for stage in self.stages:
            if stage.own_share > 0 and not self.data.own:
                raise ValueError(
                    f"stage {stage.name!r} has own_share {stage.own_share:g}, but data.own is "
                    "empty; name files there or set own_share: 0"
                )
            if stage.own_share < 1 and not self.data.public:
                raise ValueError(
                    f"stage {stage.name!r} has own_share {stage.own_share:g}, but data.public is "
                    "empty; name files there or set own_share: 1"
                )
        for source in (*self.data.own, *self.data.public, self.data.val):
            if unknown := set(source.names) - set(self.model.classes):
                raise ValueError(
                    f"names of {source.annotations.name} has {min(unknown)!r}, which is none of "
                    "model.classes; it is our class: what the file calls it"
                )
            theirs = [source.names.get(name, name) for name in self.model.classes]
            if len(set(theirs)) < len(theirs):
                raise ValueError(
                    f"names of {source.annotations.name} takes one of the file's classes for two "
                    "of ours"
                )
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages are named {', '.join(names)}; give each a name of its own")
        if self.model.head != "keep" and self.model.weights is None:
            raise ValueError(
                f"model.head is {self.model.head!r}, but model.weights is empty; leave one out"
            )
        return self

    @property
    def steps(self) -> int:
        """Optimizer steps of all stages together."""
        return sum(stage.steps for stage in self.stages)


def read_config(path: Path) -> FinetuneConfig:
    """A run's settings.

    Raises:
        UsageError: one line with file, dotted path and value.
    """
    return read_document(path, FinetuneConfig)
