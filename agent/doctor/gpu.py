"""What computes: an NVIDIA GPU with CUDA, pycuda and TensorRT, and ONNX Runtime everywhere."""

from __future__ import annotations

import shutil
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from agent.doctor.devices import WRITE_DROP_IN
from agent.doctor.finding import Finding
from agent.doctor.python import blindness, seeing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.interpreter import Interpreter
    from agent.doctor.machine import Machine

JETPACK = "sudo apt-get update && sudo apt-get install nvidia-jetpack"
"""What brings CUDA and TensorRT on a Jetson."""

_RUNTIME_COMPILERS = (
    "usr/local/cuda/lib64/libnvrtc.so*",
    "usr/lib/*-linux-gnu/libnvrtc.so*",
)

_PYCUDA = """
import pycuda
from agent.doctor.runtimes import gpu
said = [pycuda.VERSION_TEXT, *gpu()]
"""
_TENSORRT = "import tensorrt\nsaid = tensorrt.__version__"
_ONNXRUNTIME = """
import onnxruntime
said = [onnxruntime.__version__, onnxruntime.get_available_providers()]
"""
_ELSEWHERE = ("AzureExecutionProvider",)
"""Providers that don't compute on this machine; nothing here asks them."""

_RUNTIMES = "from agent.doctor.runtimes import reasons\nsaid = reasons()"
_ABSENT = "ModuleNotFoundError: No module named '{}'"


def look_at_gpu(machine: Machine, interpreter: Interpreter) -> Iterator[Finding]:
    """Of the GPU and what drives it; one finding where there is none."""
    if not machine.has_nvidia_gpu:
        yield Finding("gpu", "ok", "none of NVIDIA's: the processor does the work")
        return
    yield _driver(machine)
    yield _cuda(machine, interpreter)
    yield _pycuda(machine, interpreter)
    yield _tensorrt(machine, interpreter)


def look_at_onnxruntime(interpreter: Interpreter) -> Finding:
    """Of what runs networks where TensorRT doesn't."""
    answer = interpreter.ask(_ONNXRUNTIME)
    if answer.fault:
        said = f"can't be imported: {answer.fault}"
        command = interpreter.install("--force-reinstall", "onnxruntime>=1.18")
        return Finding("onnxruntime", "missing", said, command, needed=True)
    version, providers = answer.value
    here = [each for each in providers if each not in _ELSEWHERE]
    names = ", ".join(each.removesuffix("ExecutionProvider") for each in here)
    return Finding("onnxruntime", "ok", f"{version}, on {names}")


def look_at_runtimes(machine: Machine, interpreter: Interpreter) -> Finding:
    """Of what the agent will ask for the network, the preferred one first, each with its reason."""
    answer = interpreter.ask(_RUNTIMES)
    if answer.fault:
        return Finding("runtimes", "missing", answer.fault, needed=True)
    there = [name for name, why_not in answer.value if why_not is None]
    said = f"networks run on {', else '.join(there)}"
    if machine.has_nvidia_gpu:  # why on none that is preferred to these
        better = takewhile(lambda each: each[1] is not None, answer.value)
        said = "".join((said, *(f"; not on {name}: {why_not}" for name, why_not in better)))
    return Finding("runtimes", "ok", said)


def _driver(machine: Machine) -> Finding:
    if machine.is_jetson:
        return Finding("gpu", "ok", f"of a Jetson, driver {machine.driver or 'of Jetson Linux'}")
    if machine.driver is None:
        ubuntu = "Ubuntu" in machine.system
        command = "sudo ubuntu-drivers install" if ubuntu else "sudo apt-get install nvidia-driver"
        return Finding("gpu", "missing", "NVIDIA's, and no driver for it is loaded", command)
    said = f"NVIDIA's, driver {machine.driver}"
    if not (machine.root / "dev/nvidia-uvm").exists():
        said = f"{said}; without /dev/nvidia-uvm, which only root makes, the service has no CUDA"
        return Finding("gpu", "warning", said, f"sudo nvidia-modprobe -u -c=0 && {WRITE_DROP_IN}")
    return Finding("gpu", "ok", said)


def _cuda(machine: Machine, interpreter: Interpreter) -> Finding:
    """Whether there is what compiles kernels."""
    home = machine.root / "usr/local/cuda"
    named = home.resolve().name.removeprefix("cuda-") if home.exists() else ""
    version = f" {named}" if named[:1].isdigit() else ""
    if _has_nvcc(machine, interpreter):
        return Finding("cuda", "ok", f"CUDA{version}, with nvcc")
    if any(machine.found(pattern) for pattern in _RUNTIME_COMPILERS):
        return Finding("cuda", "ok", f"CUDA{version}, with NVRTC")
    command = JETPACK if machine.is_jetson else "sudo apt-get install nvidia-cuda-toolkit"
    return Finding(
        "cuda", "missing", "nothing that compiles kernels: neither nvcc nor NVRTC", command
    )


def _has_nvcc(machine: Machine, interpreter: Interpreter) -> bool:
    """Where `models.runtime.cuda.compiler` looks for it."""
    given = interpreter.environment
    homes = [home for name in ("CUDA_HOME", "CUDA_PATH") if (home := given.get(name))]
    places = [Path(home, "bin/nvcc") for home in homes]
    if (path := given.get("PATH")) and (found := shutil.which("nvcc", path=path)):
        places.append(Path(found))
    places.append(machine.root / "usr/local/cuda/bin/nvcc")
    return any(place.exists() for place in places)


def _pycuda(machine: Machine, interpreter: Interpreter) -> Finding:
    answer = interpreter.ask(_PYCUDA)
    if not answer.fault:
        version, name, capability, driver = answer.value
        said = f"{version} sees {name}, compute capability {capability}, CUDA {driver}"
        return Finding("pycuda", "ok", said)
    if answer.fault == _ABSENT.format("pycuda"):
        paths = {}
        if (machine.root / "usr/local/cuda").exists():  # where its build doesn't look
            cuda = "/usr/local/cuda"
            paths = {
                "PATH": f"{cuda}/bin:$PATH",
                "CPATH": f"{cuda}/include",
                "LIBRARY_PATH": f"{cuda}/lib64",
            }
        built = interpreter.install("pycuda>=2024.1", **paths)
        command = f"sudo apt-get install g++ python3-dev && {built}"
        return Finding("pycuda", "missing", "not installed; it is built here, in minutes", command)
    command = "sudo usermod --append --groups video,render $USER" if machine.is_jetson else ""
    return Finding("pycuda", "missing", f"can't be used: {answer.fault}", command)


def _tensorrt(machine: Machine, interpreter: Interpreter) -> Finding:
    """A failed import is a reason, and never a pass."""
    answer = interpreter.ask(_TENSORRT)
    if not answer.fault:
        return Finding("tensorrt", "ok", str(answer.value))
    if answer.fault != _ABSENT.format("tensorrt"):
        said = f"can't be imported: {answer.fault}"
        return Finding("tensorrt", "missing", said, _whole(machine, interpreter, answer.fault))
    if machine.has_module("tensorrt") and (blind := blindness(machine, interpreter)):
        said = f"JetPack's is installed and not seen: {blind}"
        return Finding("tensorrt", "missing", said, seeing(machine, interpreter))
    command = JETPACK if machine.is_jetson else interpreter.install("tensorrt>=10.3,<12")
    return Finding("tensorrt", "missing", "not installed", command)


def _whole(machine: Machine, interpreter: Interpreter, fault: str) -> str:
    """The command that brings what an import of TensorRT lacks."""
    if not machine.is_jetson:
        return interpreter.install("--force-reinstall", "tensorrt>=10.3,<12")
    if "libnvdla_compiler" in fault:  # a package of its own since Jetson Linux 36
        return "sudo apt-get install nvidia-l4t-dla-compiler"
    return "sudo apt-get install --reinstall python3-libnvinfer"
