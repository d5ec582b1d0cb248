"""Engines: what devices built of a bundle's networks, for a bundle that saves their equals the time.

Nothing here can run one: that an engine is what it says is known on the device, by its golden
frames. So whoever packs one vouches for where it comes from.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from distill.errors import InputError
from distill.files import reading
from models.errors import EngineError
from models.manifest import ENGINES, MAX_ENGINES
from models.runtime.engine_file import SUFFIX, EngineFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distill.pack.manifest import NetworkFile
    from models.manifest import Manifest, Role


def read_engines(paths: Sequence[Path]) -> tuple[EngineFile, ...]:
    """What `sfumato engine build` wrote.

    Raises:
        InputError: a file can't be read, or is something else.
    """
    found = []
    for path in paths:
        with reading(path):
            data = path.read_bytes()
        try:
            found.append(EngineFile.from_bytes(data))
        except EngineError as error:
            raise InputError(f"{path}: {error}") from error
    return tuple(found)


def check_engines(
    engines: Sequence[EngineFile], files: Mapping[Role, NetworkFile], manifest: Manifest
) -> None:
    """See that each was built from one of these files as a device would build it.

    Raises:
        InputError: one was not, or two are for the same devices.
    """
    sizes = tuple((spec.width, spec.height) for spec in manifest.inputs())
    for engine in engines:
        key = engine.key
        called = f"the engine in {key.precision} of {key.device}, TensorRT {key.tensorrt},"
        file = files.get(key.precision)
        if file is None:
            raise InputError(
                f"{called} has no network in this bundle; add {key.precision} to --precision"
            )
        if hashlib.sha256(file.model).hexdigest() != key.onnx_sha256 or key.sizes != sizes:
            raise InputError(
                f"{called} was built of another network or for other sizes; have it built of what "
                "this command writes without it"
            )
    if len({engine.key.digest for engine in engines}) < len(engines):
        raise InputError("two engines are for the same devices and the same network; give one")
    if len(engines) > MAX_ENGINES:
        raise InputError(f"a bundle holds at most {MAX_ENGINES} engines")


def engine_files(engines: Sequence[EngineFile]) -> dict[str, bytes]:
    """Their files by their places in the archive."""
    return {f"{ENGINES}{each.key.digest[:16]}{SUFFIX}": each.to_bytes() for each in engines}
