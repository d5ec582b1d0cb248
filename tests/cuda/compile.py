"""Kernels on the CPU: CUDA C through g++, each launch a loop over grid and block.

The standard library is enough for this, so that any Python can stand in for nvcc with it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

SHIM = Path(__file__).with_name("shim.h")

_KERNEL = re.compile(r'extern "C" __global__ void\s+(\w+)\s*\(([^)]*)\)')
_LETTERS = {"int": "i", "float": "f", "double": "d"}
_FLAGS = ("-O2", "-fPIC", "-shared", "-Wall", "-Werror")


def compile_for_cpu(source: str, target: Path) -> None:
    """Write a shared object with `launch_NAME` and `parameters_NAME` for each kernel.

    It stands for a cubin where there is no GPU; `tests.cuda.launch` launches what is in it.

    Raises:
        subprocess.CalledProcessError: it is no C++; `stderr` says where.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "kernels.cpp")
        launchers = "".join(_launcher(*found) for found in _KERNEL.findall(source))
        written.write_text(f'#include "{SHIM}"\n{source}\n{launchers}', "utf-8")
        # Without contraction a sum of products is rounded as nvcc rounds it with --fmad=false.
        command = ["g++", "-ffp-contract=off", *_FLAGS, written, "-o", target]
        subprocess.run(command, check=True, capture_output=True, text=True)


def _launcher(name: str, parameters: str) -> str:
    kinds = [" ".join(each.split()[:-1]) for each in parameters.replace("*", "* ").split(",")]
    letters = "".join("P" if "*" in kind else _LETTERS[kind] for kind in kinds)
    arguments = ", ".join(f"*({kind} *)arguments[{i}]" for i, kind in enumerate(kinds))
    return (
        f'extern "C" const char *parameters_{name}() {{ return "{letters}"; }}\n'
        f'extern "C" void launch_{name}(const Indices *grid, const Indices *block, '
        "void **arguments) {\n"
        f"    every_thread(*grid, *block, [=] {{ {name}({arguments}); }});\n}}\n"
    )
