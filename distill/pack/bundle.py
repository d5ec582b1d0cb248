"""Bundle: a student, its figures and its golden frames in one signed file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from distill.files import writing
from distill.pack.compare import check_judged, check_parity, network_of
from distill.pack.engines import check_engines, engine_files
from distill.pack.golden import golden_of
from distill.pack.half import halved
from distill.pack.manifest import NetworkFile, sealed, unsealed
from distill.pack.tensorrt_rules import check_tensorrt
from models.bundle import Bundle, write_bundle
from models.errors import ModelError
from models.golden import encode_expected, encode_image
from models.manifest import GOLDEN, FileSpec
from models.part_file import sync
from models.runtime.choose import choose_network
from models.self_test import self_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from distill.data.images import Image
    from distill.pack.compare import Parity
    from distill.pack.manifest import Release
    from distill.pack.student import Student
    from models.golden import GoldenFrame
    from models.manifest import Manifest, Role
    from models.runtime.engine_file import EngineFile
    from models.signing import PrivateKey

Stored = Literal["fp32", "fp16"]
"""How the weights of a file that is exported here are stored; they are computed with in FP32."""


@dataclass(frozen=True)
class Packed:
    """What was packed, and how its files compare with PyTorch."""

    manifest: Manifest
    parity: Mapping[Role, Parity]


def pack(
    student: Student,
    out: Path,
    release: Release,
    images: Sequence[Image],
    *,
    stored: Sequence[Stored] = ("fp32",),
    judged: Mapping[Role, NetworkFile] | None = None,
    dynamic: bool = False,
    for_tensorrt: bool = False,
    engines: Sequence[EngineFile] = (),
    key: PrivateKey | None,
) -> Packed:
    """Export, compare with PyTorch, seal, open again as the device does, and put in place.

    Args:
        student: the network.
        out: the bundle; what is there is replaced, but only by one that is good.
        release: what it says of itself.
        images: the pictures for golden frames, RGB.
        stored: what is exported here.
        judged: files that `sfumato-distill quantize` made of this student.
        dynamic: for any batch.
        for_tensorrt: refuse what its parser would refuse.
        engines: of these very files, built on devices.
        key: signs it; None leaves it unsigned.

    Raises:
        ModelError: a file differs from PyTorch or breaks a rule of TensorRT's, or at one of the
            sizes nothing is seen in any picture.
        InputError: the manifest can't hold something that the release says, or an engine is of
            another network.
        OutputError: the bundle can't be written.
    """
    judged = judged or {}
    manifest = unsealed(student, release)
    networks = {role: network_of(file.model, manifest) for role, file in judged.items()}
    frames = golden_of(images, student, manifest, networks)
    exported = _exported(student, stored, dynamic=dynamic)
    parity = {
        role: check_parity(student, file.model, role, frames, manifest)
        for role, file in exported.items()
    }
    parity |= {
        role: check_judged(network, role, frames, manifest) for role, network in networks.items()
    }
    files = exported | dict(judged)
    if for_tensorrt:
        _check_rules(student, files.values(), dynamic=dynamic)
    check_engines(engines, files, manifest)
    built = engine_files(engines)
    names = {spec.id: spec.name for spec in manifest.classes}
    contents = dict(_contents(frames, names))
    specs = [FileSpec.of(path, data) for path, data in contents.items()]
    pairs = [*zip(specs[::2], specs[1::2], strict=True)]
    manifest = sealed(manifest, student.classes, files, frames, pairs, built)
    models = {role: file.model for role, file in files.items()}
    _write(out, manifest, models, contents, built, key)
    return Packed(manifest, parity)


def _exported(
    student: Student, stored: Sequence[Stored], *, dynamic: bool
) -> dict[Role, NetworkFile]:
    if not stored:
        return {}
    model = student.to_onnx(dynamic=dynamic)
    return {role: NetworkFile(halved(model) if role == "fp16" else model) for role in stored}


def _check_rules(student: Student, files: Iterable[NetworkFile], *, dynamic: bool) -> None:
    """Refuse what TensorRT's parser would not take, of the files that it may be given."""
    free = {0: dynamic, 2: bool(student.others), 3: bool(student.others)}
    varying = [axis for axis, is_free in free.items() if is_free]
    for file in files:
        if not file.runtimes or "tensorrt" in file.runtimes:
            check_tensorrt(file.model, varying=varying)


def _contents(
    frames: Sequence[GoldenFrame], names: Mapping[int, str]
) -> Iterator[tuple[str, bytes]]:
    """Of each frame the picture, then the expectation, by their place in the archive."""
    for number, frame in enumerate(frames, start=1):
        yield f"{GOLDEN}{number:02}.png", encode_image(frame.image)
        yield f"{GOLDEN}{number:02}.json", encode_expected(frame.expected, names)


def _write(
    out: Path,
    manifest: Manifest,
    files: Mapping[Role, bytes],
    golden: Mapping[str, bytes],
    engines: Mapping[str, bytes],
    key: PrivateKey | None,
) -> None:
    """Write under another name, open and ask each network as the device does, then rename."""
    written = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with writing(out):
            write_bundle(written, manifest, files, key, golden, engines)
            trusted = [key.public] if key else []
            bundle = Bundle.open(written, trusted, allow_unsigned=key is None)
            for role in files:
                verdict = self_test(bundle, choose_network(bundle, precision=role).network)
                if not verdict.ok:
                    raise ModelError(
                        f"the bundle fails its own test in {role}: {verdict.line}; nothing was "
                        "written"
                    )
            written.replace(out)
            sync(out.parent)
    finally:
        written.unlink(missing_ok=True)
