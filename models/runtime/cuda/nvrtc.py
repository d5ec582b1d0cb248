"""NVRTC: CUDA's compiler as a library, where a device has no nvcc.

https://docs.nvidia.com/cuda/nvrtc/ names the functions; those used here are in it since CUDA 11.1.
"""

from __future__ import annotations

import ctypes
import os
import sysconfig
from contextlib import suppress
from ctypes import byref, c_char_p, c_size_t, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so")


def nvrtc_library() -> ctypes.CDLL | None:
    """The library, from the system, from a CUDA toolkit, or from NVIDIA's packages for Python."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    folders = [Path(home, "lib64") for home in homes if home]
    packages = Path(sysconfig.get_path("purelib"), "nvidia")
    folders += sorted(packages.glob("*/lib"), reverse=True)
    for name in _NAMES:
        with suppress(OSError):
            return ctypes.CDLL(name)
    for path in (folder / name for folder in folders for name in _NAMES):
        with suppress(OSError):
            if path.exists():
                return _from_folder(path)
    return None


def _from_folder(path: Path) -> ctypes.CDLL:
    """The library beside which another lies that it opens by name alone, where it is known."""
    for builtins in sorted(path.parent.glob("libnvrtc-builtins.so.*")):
        ctypes.CDLL(str(builtins))
    return ctypes.CDLL(str(path))


def compile_by_nvrtc(library: ctypes.CDLL, text: str, target: str, flags: Sequence[str]) -> bytes:
    """A cubin of a source for a GPU such as `sm_87`.

    Raises:
        ModelError: it refuses the source, a flag or the GPU.
    """
    program = c_void_p()
    made = library.nvrtcCreateProgram(byref(program), text.encode(), b"kernels.cu", 0, None, None)
    _check(library, made, target)
    try:
        options = [f"--gpu-architecture={target}".encode(), *(flag.encode() for flag in flags)]
        code = library.nvrtcCompileProgram(
            program, len(options), (c_char_p * len(options))(*options)
        )
        _check(library, code, target, program)
        return _content(library, program, "CUBIN", target)
    finally:
        library.nvrtcDestroyProgram(byref(program))


def _content(library: ctypes.CDLL, program: c_void_p, what: str, target: str) -> bytes:
    size = c_size_t()
    _check(library, getattr(library, f"nvrtcGet{what}Size")(program, byref(size)), target)
    content = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, content), target)
    return content.raw


def _check(library: ctypes.CDLL, code: int, target: str, program: c_void_p | None = None) -> None:
    """Raise what a call's result says; of a compilation, its log."""
    if code == 0:
        return
    library.nvrtcGetErrorString.restype = c_char_p
    said = library.nvrtcGetErrorString(code).decode("utf-8", "replace")
    if program is not None:
        log = _content(library, program, "ProgramLog", target).decode("utf-8", "replace")
        lines = [line.strip() for line in log.splitlines() if "error" in line]
        said = f"{said}: {lines[0][:200]}" if lines else said
    raise ModelError(f"NVRTC can't compile the GPU's kernels for {target}: {said}")
