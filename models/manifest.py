"""Manifest: what a bundle says about itself, in the very bytes that are signed."""

import hashlib
import json
import re
import unicodedata
from datetime import datetime, timezone
from typing import Annotated, Literal, get_args

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from models.classes import MAX_CLASSES, ClassSpec
from models.compatibility import SCHEMA, VERSION_PATTERN, check_not_newer
from models.errors import BundleError
from models.input_spec import InputSpec
from models.strict_model import StrictModel

Family = Literal["yolo_seg", "rtmdet_ins", "boxes"]
Layout = Literal["yolo", "dets", "yolox", "ssd"]
Role = Literal["fp32", "fp16", "int8", "uint8"]
"""Precisions of a network: `int8` is what TensorRT reads, `uint8` what ONNX Runtime computes fast."""

RuntimeName = Literal["onnxruntime-cpu", "onnxruntime-cuda", "tensorrt"]
Side = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Size = tuple[Side, Side]
"""Width and height of a network's input, pixels."""

NETWORK_PATHS: dict[Role, str] = {
    "fp32": "model.onnx",
    "fp16": "model.fp16.onnx",
    "int8": "model.int8.onnx",
    "uint8": "model.uint8.onnx",
}
"""Where in the archive they are."""

# Bounds on what is read from files, chosen, not measured: several times what we write (a bundle
# of YOLOv8n-seg has a manifest of 3 KB and a network of 13 MB), and all together fit in memory.
MAX_MANIFEST_BYTES = 1 << 20
MAX_MODEL_BYTES = 512 << 20
MAX_GOLDEN_FRAMES = 16
MAX_SIZES = 8
MAX_ENGINES = 16
MAX_GOLDEN_IMAGE_BYTES = 8 << 20
MAX_EXPECTED_BYTES = 1 << 20

GOLDEN = "golden/"
ENGINES = "engines/"
"""Where in the archive they are."""

DEFAULT_THRESHOLD = 0.25
"""Least score of a class for which nobody chose one, as Ultralytics' `predict` has it."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]


_Data = bytes  # inside FileSpec the name belongs to a field


class FileSpec(StrictModel):
    """One file of the archive."""

    path: str = Field(
        max_length=100,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
        description="place in the archive; it can't lead out of it",
    )
    bytes: int = Field(gt=0, le=MAX_MODEL_BYTES)
    sha256: Sha256

    @classmethod
    def of(cls, path: str, data: _Data) -> Self:
        """Describe these bytes."""
        return cls(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


class NetworkSpec(FileSpec):
    """The network in one precision."""

    runtimes: tuple[RuntimeName, ...] = Field(
        (), description="what may run it, because it is right and fast there; empty: any"
    )
    thresholds: dict[str, Share] | None = Field(
        None,
        description="least scores chosen on this very file; none: the manifest's, from fp32",
    )


class GoldenSpec(StrictModel):
    """A frame, and what the network must see in it; `models.golden` reads both."""

    image: FileSpec
    expected: FileSpec
    size: Size | None = Field(None, description="of the input it was seen at; none: `input`'s")

    @model_validator(mode="after")
    def _in_its_place(self) -> "GoldenSpec":
        for spec, suffix, most in (
            (self.image, ".png", MAX_GOLDEN_IMAGE_BYTES),
            (self.expected, ".json", MAX_EXPECTED_BYTES),
        ):
            if not (spec.path.startswith(GOLDEN) and spec.path.endswith(suffix)):
                raise ValueError(f"{spec.path} is not {GOLDEN}*{suffix}")
            if spec.bytes > most:
                raise ValueError(f"{spec.path} is larger than {most >> 20} MiB")
        return self


class TeacherSpec(StrictModel):
    """The network that labelled the student's training data."""

    name: str = Field(max_length=100)
    weights_sha256: Sha256


class Manifest(StrictModel):
    """How to feed a network, how to read it, and what it may be trusted with."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    version: int = Field(1, ge=1, lt=2**63, description="grows with every release of this name")
    created: AwareDatetime
    expires: AwareDatetime | None = None
    min_agent: str | None = Field(
        None, pattern=VERSION_PATTERN, description="oldest agent that can run it"
    )
    family: Family
    layout: Layout | None = Field(None, description="of the family boxes only")
    outputs: tuple[str, ...] = Field(
        (), max_length=16, description="outputs to read, in the layout's order; empty: all"
    )
    class_count: int = Field(gt=0, le=MAX_CLASSES, description="classes that the network knows")
    classes: tuple[ClassSpec, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    input: InputSpec
    sizes: tuple[Size, ...] = Field(
        (),
        max_length=MAX_SIZES,
        description="other sizes of input that it was tested at and may be run at",
    )
    thresholds: dict[str, Share] = Field(
        default_factory=dict, description="least score by class name, for all classes of that name"
    )
    files: dict[Role, NetworkSpec] = Field(min_length=1, description="the network, by precision")
    teacher: TeacherSpec | None = None
    metrics: dict[str, float] = Field(default_factory=dict, max_length=100)
    golden: dict[str, float] = Field(
        default_factory=dict, max_length=20, description="tolerances of the self-test, by name"
    )
    golden_files: tuple[GoldenSpec, ...] = Field(
        (), max_length=MAX_GOLDEN_FRAMES, description="what the self-test looks at"
    )

    engines: tuple[FileSpec, ...] = Field(
        (),
        max_length=MAX_ENGINES,
        description="networks that were built already (`models.runtime.engine_file`), each for "
        "devices that equal the one that built it",
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Manifest":
        if (self.layout is not None) != (self.family == "boxes"):
            raise ValueError(
                f"family boxes needs a layout ({', '.join(get_args(Layout))}), no other has one"
            )
        ids = [spec.id for spec in self.classes]
        if len(set(ids)) < len(ids):
            raise ValueError("a class appears twice")
        if max(ids) >= self.class_count:
            raise ValueError(f"class id {max(ids)} in a network of {self.class_count} classes")
        names = {spec.name for spec in self.classes}
        for chosen in (self.thresholds, *(file.thresholds or {} for file in self.files.values())):
            if unknown := set(chosen) - names:
                raise ValueError(f"a threshold for an unknown class: {min(unknown)}")
        tested = {(spec.width, spec.height) for spec in self.inputs()}
        if len(tested) <= len(self.sizes):
            raise ValueError("a size of the input appears twice")
        if odd := {frame.size for frame in self.golden_files if frame.size} - tested:
            raise ValueError(f"a golden frame of size {min(odd)}, at which it may not be run")
        for engine in self.engines:
            if not engine.path.startswith(ENGINES):
                raise ValueError(f"{engine.path} is not {ENGINES}*")
        paths = [spec.path for spec in self.every_file()]
        if doubled := {path for path in paths if paths.count(path) > 1}:
            raise ValueError(f"two files at one path, {min(doubled)}")
        return self

    def every_file(self) -> tuple[FileSpec, ...]:
        """All that the archive holds beside the manifest and its signature."""
        golden = [spec for frame in self.golden_files for spec in (frame.image, frame.expected)]
        return (*self.files.values(), *golden, *self.engines)

    def inputs(self) -> tuple[InputSpec, ...]:
        """How it may be fed: `input`, then the same at each of the other `sizes`."""
        sized = [{"width": width, "height": height} for width, height in self.sizes]
        return (self.input, *(self.input.model_copy(update=size) for size in sized))

    def threshold(self, name: str, role: Role | None = None) -> float:
        """The least score at which an object of the classes of this name is hidden.

        Args:
            name: of a class.
            role: the precision that runs; None for what was trained.
        """
        own = self.files[role].thresholds if role else None
        return (self.thresholds if own is None else own).get(name, DEFAULT_THRESHOLD)

    def has_expired(self, now: datetime | None = None) -> bool:
        """Whether `now` (default: the clock of this machine) lies behind `expires`."""
        return self.expires is not None and (now or datetime.now(timezone.utc)) > self.expires

    def to_bytes(self) -> bytes:
        """The JSON that a bundle holds and a key signs."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read what `to_bytes` wrote.

        Raises:
            BundleError: it was written for a newer Sfumato, or is not what a manifest has to be.
        """
        check_not_newer(data)  # first: what is new in it would be refused as nonsense
        try:
            manifest = cls.model_validate_json(data)
        except ValidationError as error:
            raise BundleError(
                f"manifest.json: {first_problem(error)}; have the bundle made anew"
            ) from error
        json.loads(data, object_pairs_hook=_each_once)
        return manifest


def _each_once(pairs: list[tuple[str, object]]) -> None:
    """Refuse what one reader takes for the first, and another for the last."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BundleError(f"manifest.json: says {twice[:80]!r} twice; have the bundle made anew")


def name_of_file(stem: str) -> str:
    """A name that a bundle may have, as near to its file's as can be."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).lstrip("-_.")[:64].rstrip("-_.") or "bundle"


def first_problem(error: ValidationError) -> str:
    """What pydantic found, on one line: the first field that is off, and how many more are."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{said}{more}"
