"""Every name of TensorRT's that our source uses is there, in the real bindings of three versions.

It runs no engine: wrong meanings, shapes and lifetimes pass it.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest
import simulated_tensorrt

import models
from tests.models.runtime.bindings import WHEELS, compile_stubs, described, said_with
from tests.models.runtime.tensorrt_calls import Bindings, compared

RUNTIME = Path(models.__file__).parent / "runtime"
TYPES = "tensorrt_types"
USERS = {
    path.name: path.read_text("utf-8")
    for package in ("models", "agent", "distill")
    for path in sorted(RUNTIME.parents[1].joinpath(package).rglob("*.py"))
    if TYPES in path.read_text("utf-8")
}
"""Sources in which something of TensorRT's has a name."""

NAMES = {
    node.target.id
    for node in ast.parse((RUNTIME / f"{TYPES}.py").read_text("utf-8")).body
    if isinstance(node, ast.AnnAssign)
}


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stubs")
    compile_stubs(folder)
    return folder


AS_FAR_AS_IT_GOES = """
import tensorrt_bindings as trt
from simulated_cuda import SimulatedCuda
from models.errors import ModelError
from models.runtime.cuda.owner import CudaGpu
from models.runtime.tensorrt import TensorRtNetwork
from models.runtime.tensorrt_build import build
from models.runtime.tensorrt_progress import Progress, monitor
from models.runtime.tensorrt_versions import log_of

log = log_of(trt)
log.log(trt.ILogger.Severity.VERBOSE, "nothing")
log.log(trt.ILogger.Severity.WARNING, "kept")
print(log.said())
watch = monitor(trt, Progress(lambda *told: print(*told)), lambda: True)
assert isinstance(watch, trt.IProgressMonitor) and isinstance(log, trt.ILogger)
watch.phase_start("all", None, 4)
print(watch.step_complete("all", 1))
watch.phase_finish("all")
print(trt.nptype(trt.DataType.HALF).__name__)
world = SimulatedCuda()
gpu = CudaGpu(None, driver=world)
for wall in (
    lambda: build(b"", [], batch=1, workspace_bytes=1, progress=print, cancelled=bool, library=trt),
    lambda: TensorRtNetwork(b"plan", gpu, precision="fp32", library=trt),
):
    try:
        wall()
    except ModelError as error:
        print(error)
gpu.close()
world.check()
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", WHEELS)
def test_the_real_library_takes_our_classes_and_fails_where_nothing_is_behind_it(version, stubs):
    nothing = "pybind11::init(): factory function returned nullptr; without a word"
    assert said_with(version, stubs, AS_FAR_AS_IT_GOES).splitlines() == [
        "kept",
        "all 0.0",
        "all 0.5",
        "False",
        "float16",
        f"TensorRT failed: {nothing}",
        f"TensorRT can't start: {nothing}",
    ]


@pytest.fixture(scope="session", params=WHEELS)
def bindings(request, stubs):
    return Bindings(request.param, described(request.param, stubs))


def test_all_that_we_use_is_there(bindings):
    used, found = compared(USERS, bindings, NAMES)
    assert found == []
    assert used >= {
        "Builder.build_serialized_network",
        "IExecutionContext.execute_async_v3",
        "IProgressMonitor",
        "MemoryPoolType.WORKSPACE",
        "OnnxParser.parse",
        "ParserError.desc",
        "Runtime.deserialize_cuda_engine",
    }


def test_who_imports_tensorrt_says_what_is_what():
    """A source that has it from elsewhere would not be looked at."""
    importers = {
        path.name
        for path in RUNTIME.rglob("*.py")
        if re.search(r"^\s*(import|from) tensorrt\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert importers
    assert importers <= USERS.keys()


ENGINE, SLOT = "tensorrt_engine.py", "tensorrt_slot.py"
BUILD, PROGRESS = "tensorrt_build.py", "tensorrt_progress.py"
POOL = "self._library.MemoryPoolType.WORKSPACE, workspace_bytes"
MAKES_CONFIG = "self._config = self._builder.create_builder_config()\n"
FP16 = "self._config.set_flag(library.BuilderFlag.FP16)\n"
ALL, ONLY_11 = set(WHEELS), {"11.4.0.106"}

MISTAKES = {
    "a call that is gone": (
        SLOT,
        "execute_async_v3(",
        "execute_async_v2(",
        ALL,
        "IExecutionContext has no execute_async_v2",
    ),
    "a flag that is gone": (
        BUILD,
        MAKES_CONFIG,
        f"{MAKES_CONFIG}        {FP16}",
        ONLY_11,
        "BuilderFlag has no FP16",
    ),
    "the same, for versions that have it": (
        BUILD,
        MAKES_CONFIG,
        f"{MAKES_CONFIG}        if major < 11:\n            {FP16}",
        set(),
        "",
    ),
    "the same, for the others": (
        BUILD,
        MAKES_CONFIG,
        f"{MAKES_CONFIG}        if major < 11:\n            pass\n        else:\n            {FP16}",
        ONLY_11,
        "BuilderFlag has no FP16",
    ),
    "a keyword": (
        BUILD,
        POOL,
        POOL.replace(", ", ", size="),
        ALL,
        "takes ['pool', 'pool_size'], not 1 and ['size']",
    ),
    "the right keyword": (BUILD, POOL, POOL.replace(", ", ", pool_size="), set(), ""),
    "one argument too few": (
        SLOT,
        "set_input_shape(name, shape)",
        "set_input_shape(name)",
        ALL,
        "takes ['name', 'shape']",
    ),
    "one argument too many": (
        BUILD,
        "_parser.parse(onnx)",
        '_parser.parse(onnx, "", 1)',
        ALL,
        "OnnxParser.parse takes ['model', 'path'], not 3",
    ),
    "a member of an enum": (
        ENGINE,
        "TensorLocation.DEVICE",
        "TensorLocation.GPU",
        ALL,
        "TensorLocation has no GPU",
    ),
    "a class": (ENGINE, "library.Runtime", "library.Reader", ALL, "tensorrt has no Reader"),
    "a call that another makes": (
        ENGINE,
        "_runtime.deserialize_cuda_engine",
        "_runtime.read",
        ALL,
        "Runtime has no read",
    ),
    "what a call gives": (
        BUILD,
        "self._parser.get_error(i).desc()",
        "self._parser.get_error(i).text()",
        ALL,
        "ParserError has no text",
    ),
    "a method that TensorRT calls": (
        PROGRESS,
        "def phase_start",
        "def phase_begin",
        ALL,
        "IProgressMonitor.phase_start is not overridden",
    ),
    "its parameters": (
        PROGRESS,
        "parent_phase: str",
        "parent: str",
        ALL,
        "IProgressMonitor.phase_start takes",
    ),
    "something of which nobody says what it is": (
        SLOT,
        "context: IExecutionContext",
        "context: Any",
        ALL,
        "nobody says whose self._context.execute_async_v3 is",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(bindings, mistake):
    file, right, wrong, versions, said = MISTAKES[mistake]
    assert right in USERS[file]
    seeded = USERS | {file: USERS[file].replace(right, wrong)}
    _, found = compared(seeded, bindings, NAMES)
    version = ".".join(map(str, bindings.version))
    if version in versions:
        assert any(said in each for each in found), found
    else:
        assert found == []


SIMULATED = {
    "_Builder": "Builder",
    "_Network": "INetworkDefinition",
    "_OnnxParser": "OnnxParser",
    "_Config": "IBuilderConfig",
    "_TimingCache": "ITimingCache",
    "_Profile": "IOptimizationProfile",
    "_Runtime": "Runtime",
    "_Engine": "ICudaEngine",
    "_Context": "IExecutionContext",
}


@pytest.mark.parametrize("simulated", SIMULATED)
def test_the_simulated_library_takes_what_the_real_one_takes(bindings, simulated):
    """Else our tests would prove that our source fits our simulation."""
    ours = {"read"}  # what the simulated parser fills a network with
    real = SIMULATED[simulated]
    methods = inspect.getmembers(getattr(simulated_tensorrt, simulated), inspect.isfunction)
    for name, method in methods:
        if name.startswith("_") or name in ours:
            continue
        assert bindings.member(real, name) is not None, f"{real} has no {name}"
        count = len(inspect.signature(method).parameters) - 1
        allowed = [
            range(len(parameters) - optional, len(parameters) + 1)
            for parameters, optional, _ in bindings.signatures(real, name)
        ]
        assert any(count in each for each in allowed), f"{real}.{name} does not take {count}"
