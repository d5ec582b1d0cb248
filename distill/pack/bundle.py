"""Bundle: a student, its figures and its golden frames in one signed file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import ValidationError

from distill.errors import InputError
from distill.files import writing
from distill.pack.compare import check_parity
from distill.pack.half import halved
from models.bundle import Bundle, write_bundle
from models.classes import class_specs
from models.errors import ModelError
from models.golden import GoldenFrame, encode_expected, encode_image
from models.manifest import (
    DEFAULT_THRESHOLD,
    GOLDEN,
    NETWORK_PATHS,
    FileSpec,
    GoldenSpec,
    Manifest,
    NetworkSpec,
    TeacherSpec,
    first_problem,
)
from models.part_file import sync
from models.runtime.choose import choose_network
from models.self_test import Tolerances, look, self_test

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distill.data.images import Image
    from distill.pack.compare import Parity
    from distill.pack.student import Student
    from models.classes import ClassSpec
    from models.instances import Instances
    from models.manifest import Role
    from models.signing import PrivateKey

SELF_TEST = Tolerances(box_px=4.0, score=0.1, mask_iou=0.85)
"""What a device may be off by: it may compute in FP16, as TensorRT does. Chosen, not measured."""


@dataclass(frozen=True)
class Release:
    """What a bundle says of itself beside its network.

    Attributes:
        name: of the bundle.
        version: grows with every release of this name.
        thresholds: least score by class name.
        metrics: figures by name.
        teacher: whose student it is.
    """

    name: str
    version: int
    thresholds: Mapping[str, float]
    metrics: Mapping[str, float]
    teacher: TeacherSpec | None


@dataclass(frozen=True)
class Packed:
    """What was packed, and how it compares with PyTorch."""

    manifest: Manifest
    parity: Parity


def pack(
    student: Student,
    out: Path,
    release: Release,
    images: Sequence[Image],
    *,
    role: Role = "fp32",
    dynamic: bool = False,
    key: PrivateKey | None,
) -> Packed:
    """Export, compare with PyTorch, seal, open again as the device does, and put in place.

    Args:
        student: the network.
        out: the bundle; what is there is replaced, but only by one that is good.
        release: what it says of itself.
        images: the golden frames, RGB.
        role: fp16 stores weights in 16 bits.
        dynamic: for any batch.
        key: signs it; None leaves it unsigned.

    Raises:
        ModelError: the file differs from PyTorch, or nothing is seen in any golden frame.
        InputError: the manifest can't hold something that the release says.
        OutputError: the bundle can't be written.
    """
    unsealed = _manifest(student, release, role)
    frames = [GoldenFrame(image, look(image, unsealed, student)) for image in images]
    if not any(_proves(frame.expected, unsealed) for frame in frames):
        raise ModelError(
            f"the student sees nothing clearly above its thresholds in {len(frames)} golden "
            "frames, so they can't prove it; choose others, more (--frames), or train it longer"
        )
    model = student.to_onnx(dynamic=dynamic)
    if role == "fp16":
        model = halved(model)
    parity = check_parity(student, model, role, frames, unsealed)
    names = {spec.id: spec.name for spec in unsealed.classes}
    golden: dict[str, bytes] = {}
    specs: list[dict[str, FileSpec]] = []
    for number, frame in enumerate(frames, start=1):
        files = {
            f"{GOLDEN}{number:02}.png": encode_image(frame.image),
            f"{GOLDEN}{number:02}.json": encode_expected(frame.expected, names),
        }
        image, expected = (FileSpec.of(path, data) for path, data in files.items())
        specs.append({"image": image, "expected": expected})
        golden |= files
    manifest = _sealed(unsealed, role, model, specs)
    _write(out, manifest, {role: model}, golden, key)
    return Packed(manifest, parity)


def _proves(expected: Instances, manifest: Manifest) -> bool:
    """Whether a self-test would miss something if a network saw nothing here."""
    names = {spec.id: spec.name for spec in manifest.classes}
    return any(
        score > manifest.threshold(names[int(label)]) + SELF_TEST.score
        for score, label in zip(expected.scores, expected.classes, strict=True)
    )


def _manifest(student: Student, release: Release, role: Role) -> Manifest:
    """Everything but what the files are."""
    known = class_specs(student.classes)
    try:
        return Manifest(
            schema=1,
            name=release.name,
            version=release.version,
            created=datetime.now(timezone.utc).replace(microsecond=0),
            family=student.family,
            outputs=student.outputs,
            class_count=len(student.classes),
            classes=known,
            input=student.spec,
            sizes=student.others,
            thresholds=_thresholds(known, student.classes, release.thresholds),
            files={role: NetworkSpec.of(NETWORK_PATHS[role], b"to come")},
            teacher=release.teacher,
            metrics=dict(release.metrics),
            golden=SELF_TEST.to_manifest(),
        )
    except ValidationError as error:
        raise InputError(f"the manifest is not valid: {first_problem(error)}") from error


def _thresholds(
    known: Sequence[ClassSpec], names: Sequence[str], given: Mapping[str, float]
) -> dict[str, float]:
    """Least scores by the names of the bundle, where two of the student's may have become one."""
    found: dict[str, float] = {}
    for spec in known:
        own = [name for other, name in zip(known, names, strict=True) if other.name == spec.name]
        if given.keys() & set(own):  # of several that count for one name, what hides more
            found[spec.name] = min(given.get(name, DEFAULT_THRESHOLD) for name in own)
    return found


def _sealed(
    manifest: Manifest, role: Role, model: bytes, golden: Sequence[Mapping[str, FileSpec]]
) -> Manifest:
    try:
        return manifest.model_copy(
            update={
                "files": {role: NetworkSpec.of(NETWORK_PATHS[role], model)},
                "golden_files": tuple(GoldenSpec(**pair) for pair in golden),
            }
        )
    except ValidationError as error:
        raise InputError(f"the golden frames are not valid: {first_problem(error)}") from error


def _write(
    out: Path,
    manifest: Manifest,
    files: Mapping[Role, bytes],
    golden: Mapping[str, bytes],
    key: PrivateKey | None,
) -> None:
    """Write under another name, open and ask as the device does, then rename."""
    written = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with writing(out):
            write_bundle(written, manifest, files, key, golden)
            trusted = [key.public] if key else []
            bundle = Bundle.open(written, trusted, allow_unsigned=key is None)
            verdict = self_test(bundle, choose_network(bundle).network)
            if not verdict.ok:
                raise ModelError(
                    f"the bundle fails its own test: {verdict.line}; nothing was written"
                )
            written.replace(out)
            sync(out.parent)
    finally:
        written.unlink(missing_ok=True)
