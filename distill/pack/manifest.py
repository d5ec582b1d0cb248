"""Manifest: what a bundle of a student says of itself, before and after its files are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import ValidationError

from distill.errors import InputError
from distill.pack.compare import SELF_TEST
from models.classes import class_specs
from models.manifest import (
    DEFAULT_THRESHOLD,
    NETWORK_PATHS,
    FileSpec,
    GoldenSpec,
    Manifest,
    NetworkSpec,
    TeacherSpec,
    first_problem,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distill.pack.student import Student
    from models.classes import ClassSpec
    from models.golden import GoldenFrame
    from models.manifest import Role, RuntimeName


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
class NetworkFile:
    """One of the bundle's networks.

    Attributes:
        model: ONNX.
        runtimes: what may run it; empty: any.
        thresholds: least score by class name, chosen on this very file; None for the release's.
    """

    model: bytes
    runtimes: tuple[RuntimeName, ...] = ()
    thresholds: Mapping[str, float] | None = None


def unsealed(student: Student, release: Release) -> Manifest:
    """Everything but what the files are.

    Raises:
        InputError: it can't hold something that the release says.
    """
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
            files={"fp32": NetworkSpec.of(NETWORK_PATHS["fp32"], b"to come")},
            teacher=release.teacher,
            metrics=dict(release.metrics),
            golden=SELF_TEST.to_manifest(),
        )
    except ValidationError as error:
        raise InputError(f"the manifest is not valid: {first_problem(error)}") from error


def sealed(
    manifest: Manifest,
    names: Sequence[str],
    files: Mapping[Role, NetworkFile],
    frames: Sequence[GoldenFrame],
    golden: Sequence[tuple[FileSpec, FileSpec]],
    engines: Mapping[str, bytes],
) -> Manifest:
    """The same with all that the archive holds.

    Args:
        manifest: `unsealed`.
        names: the student's classes.
        files: the networks.
        frames: the golden frames.
        golden: what each is in the archive: picture and expectation.
        engines: their files by their places in the archive.

    Raises:
        InputError: a golden frame is too large.
    """
    own = (manifest.input.width, manifest.input.height)
    try:
        pairs = tuple(
            GoldenSpec(
                image=image, expected=expected, size=None if frame.size == own else frame.size
            )
            for frame, (image, expected) in zip(frames, golden, strict=True)
        )
    except ValidationError as error:
        raise InputError(f"the golden frames are not valid: {first_problem(error)}") from error
    listed = {role: _network(role, file, manifest, names) for role, file in files.items()}
    built = tuple(FileSpec.of(path, data) for path, data in engines.items())
    return manifest.model_copy(update={"files": listed, "golden_files": pairs, "engines": built})


def _network(
    role: Role, file: NetworkFile, manifest: Manifest, names: Sequence[str]
) -> NetworkSpec:
    said = NetworkSpec.of(NETWORK_PATHS[role], file.model)
    own = file.thresholds
    thresholds = None if own is None else _thresholds(manifest.classes, names, own)
    return said.model_copy(update={"runtimes": file.runtimes, "thresholds": thresholds})


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
