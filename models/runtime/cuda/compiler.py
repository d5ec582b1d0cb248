"""Compiler: the kernels' CUDA C to machine code of one kind of GPU, by nvcc or else by NVRTC.

Kernels are shipped as source, since a device knows its GPU and we don't. What was compiled is kept.
Both were run on a machine without a GPU; what came of them never ran on one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.runtime.cuda.nvrtc import compile_by_nvrtc, nvrtc_library
from models.temporary_folder import temporary_folder
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAGS = ("--fmad=false",)
"""A sum of products is rounded after each step, as on a CPU: else results differ from the CPU's,
and they were compared with those (tests/cuda)."""

_TIMEOUT_S = 600
"""Chosen: a hundred times what nvcc 13.0 takes for all kernels on two busy cores."""

_DIGEST_BYTES = 32


def compiled(
    sources: Mapping[str, str], compute_capability: str, cache: Path | None = None
) -> bytes:
    """All sources, one after another, as one cubin.

    Args:
        sources: texts by file name, as `models.runtime.kernel_sources` gives them.
        compute_capability: of the GPU, as in `8.7`.
        cache: a folder that keeps what was compiled; it need not exist, nor be writable.

    Raises:
        ModelError: there is no compiler, or it refuses the sources or the GPU.
    """
    text = "\n".join(f'#line 1 "{name}"\n{source}' for name, source in sources.items())
    target = "sm_" + compute_capability.replace(".", "")
    key = hashlib.sha256("\0".join((text, target, *FLAGS)).encode()).hexdigest()
    kept = cache / f"{key}.cubin" if cache else None
    cubin = _read(kept) if kept else None
    if cubin is None:
        cubin = _compile(text, target)
        if kept:
            _keep(kept, cubin)
    return cubin


def _compile(text: str, target: str) -> bytes:
    nvcc = _nvcc()
    if nvcc is not None:
        return _by_nvcc(nvcc, text, target)
    library = nvrtc_library()
    if library is not None:
        return compile_by_nvrtc(library, text, target, FLAGS)
    raise ModelError(
        "the GPU's kernels can't be compiled: there is neither nvcc nor libnvrtc; install "
        "cuda-nvcc of your CUDA version (JetPack: nvidia-jetpack), or set CUDA_HOME"
    )


def _nvcc() -> Path | None:
    homes = [home for name in ("CUDA_HOME", "CUDA_PATH") if (home := os.environ.get(name))]
    on_path = shutil.which("nvcc")
    places = [
        *(Path(home, "bin", "nvcc") for home in homes),
        *([Path(on_path)] if on_path else []),
        Path("/usr/local/cuda/bin/nvcc"),
    ]
    return next((place for place in places if os.access(place, os.X_OK)), None)


def _by_nvcc(nvcc: Path, text: str, target: str) -> bytes:
    with temporary_folder("kernels") as folder:
        source, cubin = folder / "kernels.cu", folder / "kernels.cubin"
        source.write_text(text, "utf-8")
        command: list[str | Path] = [nvcc, "-cubin", f"-arch={target}", *FLAGS, "-o", cubin, source]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModelError(f"the GPU's kernels can't be compiled: {error}") from error
        if done.returncode != 0:
            said = first_error(done.stderr or done.stdout) or f"it ended with {done.returncode}"
            raise ModelError(f"nvcc can't compile the GPU's kernels for {target}: {said}")
        return cubin.read_bytes()


def first_error(said: str) -> str:
    """The line of a compiler's output that says what is wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    bad = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return next(iter(bad or lines), "")[:200]


def _read(path: Path) -> bytes | None:
    """What was kept, unless it is damaged: its digest stands before it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, cubin = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return cubin if hashlib.sha256(cubin).digest() == digest else None


def _keep(path: Path, cubin: bytes) -> None:
    with suppress(OSError):  # compiled again next time
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(hashlib.sha256(cubin).digest() + cubin)
