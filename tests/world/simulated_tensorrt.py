"""SimulatedTensorRt: stands for `tensorrt`; ONNX Runtime computes what its engines compute.

A plan holds the ONNX and what it was built for, and is read by the version and on the GPU that
built it, and by no other. Contexts read and write a simulated GPU's memory when its stream comes to
them. Where TensorRT returns False or None and says why in its log, so does this.
"""

import ctypes
import hashlib
import json
import threading
import weakref
from enum import IntEnum

import numpy as np
import onnxruntime

_MAGIC = b"simulated plan\n"


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class _ILogger:
    Severity = Severity

    def __init__(self):
        pass


class _IProgressMonitor:
    def __init__(self):
        pass


class SimulatedTensorRt:
    """`tensorrt` as far as it is used.

    Attributes:
        fails: by a call's name: what it returns, or the exception that it raises, once.
        built: what the last engine was built with.
        nans: whether engines compute none but those.
        steps: of each phase of a build.
    """

    ILogger, IProgressMonitor = _ILogger, _IProgressMonitor
    MemoryPoolType = IntEnum("MemoryPoolType", "WORKSPACE", start=0)
    NetworkDefinitionCreationFlag = IntEnum(
        "NetworkDefinitionCreationFlag", "EXPLICIT_BATCH STRONGLY_TYPED", start=0
    )
    TensorIOMode = IntEnum("TensorIOMode", "NONE INPUT OUTPUT", start=0)
    TensorLocation = IntEnum("TensorLocation", "DEVICE HOST", start=0)
    DataType = IntEnum("DataType", "FLOAT HALF INT8 INT32 BOOL UINT8 FP8 BF16 INT64", start=0)

    def __init__(self, cuda, version="10.3.0"):
        self.__version__ = version
        self.cuda, self.fails, self.built, self.nans = cuda, {}, {}, False
        self.steps = 4
        self.log = None
        for kind in (_Builder, _OnnxParser, _Runtime):
            name = kind.__name__[1:]
            setattr(self, name, type(name, (kind,), {"library": self}))

    def nptype(self, dtype):
        found = {value: key for key, value in _DATA_TYPES.items()}
        if dtype.name not in found:
            raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
        return np.dtype(found[dtype.name]).type

    def gives(self, name, value):
        """What a call gives, unless it was to fail."""
        if name not in self.fails:
            return value
        fault = self.fails.pop(name)
        self.say(f"Error Code 1: {name} was to fail")
        if isinstance(fault, BaseException):
            raise fault
        return fault

    def say(self, text, severity=Severity.ERROR):
        self.log.log(severity, text)


_DATA_TYPES = {
    "float32": "FLOAT",
    "float16": "HALF",
    "int8": "INT8",
    "int32": "INT32",
    "bool": "BOOL",
    "uint8": "UINT8",
    "int64": "INT64",
}
_ORT_TYPES = {"float": "float32", "float16": "float16", "uint8": "uint8", "int64": "int64"}


def _session(onnx):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def _dims(shape):
    return tuple(size if isinstance(size, int) and size > 0 else -1 for size in shape)


class _Tensor:
    def __init__(self, info):
        self.name, self.shape = info.name, _dims(info.shape)
        self.dtype = np.dtype(_ORT_TYPES[info.type[len("tensor(") : -1]])


# Building: as the process does that has no other use for the GPU.


class _Builder:
    library = None

    def __init__(self, logger):
        self.library.log = logger
        self.library.gives("Builder", None)

    def create_network(self, flags):
        assert flags == 1 << self.library.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return self.library.gives("create_network", _Network())

    def create_builder_config(self):
        return self.library.gives("create_builder_config", _Config(self.library))

    def create_optimization_profile(self):
        return _Profile()

    def build_serialized_network(self, network, config):
        """In phases of phases, which the monitor hears of and may end at each step."""
        library = self.library
        if not _without_python(lambda: self._phases(config.progress_monitor)):
            library.say("Error Code 10: the build was cancelled")
            return None
        open_ = min(network.get_input(0).shape) < 0
        if open_ and not config.profiles:
            library.say("Error Code 4: Network has dynamic inputs, but no optimization profile")
            return None
        config.cache.known.append(hashlib.sha256(network.onnx).hexdigest())
        library.built = {
            "version": library.__version__,
            "gpu": list(library.cuda.capability),
            "workspace": config.workspace,
            "profiles": config.profiles,
        }
        plan = json.dumps(library.built).encode() + b"\n" + network.onnx
        digest = hashlib.sha256(plan).hexdigest().encode()
        return library.gives("build_serialized_network", memoryview(_MAGIC + digest + plan))

    def _phases(self, tell):
        goes_on = True
        tell.phase_start("Building", None, 2)
        for step, phase in enumerate(("Parsing", "Timing")):
            tell.phase_start(phase, "Building", self.library.steps)
            for each in range(self.library.steps):
                goes_on = goes_on and tell.step_complete(phase, each)
            tell.phase_finish(phase)
            goes_on = goes_on and tell.step_complete("Building", step)
        tell.phase_finish("Building")
        return goes_on


def _without_python(work):
    """Run this on another thread, while ours is in a call of C: it answers no signal meanwhile."""
    libc, lock, given = ctypes.CDLL(None), ctypes.create_string_buffer(64), []

    def run():
        try:
            given.append(work())
        finally:
            libc.pthread_mutex_unlock(lock)

    libc.pthread_mutex_lock(lock)
    thread = threading.Thread(target=run)
    thread.start()
    libc.pthread_mutex_lock(lock)  # which no signal ends
    thread.join()
    return given[0]


class _Network:
    num_inputs = 0
    onnx = b""

    def get_input(self, index):
        return self.inputs[index]

    def read(self, onnx):
        self.onnx, self.inputs = onnx, [_Tensor(each) for each in _session(onnx).get_inputs()]
        self.num_inputs = len(self.inputs)


class _OnnxParser:
    library = None

    def __init__(self, network, logger):
        assert logger is self.library.log
        if network is None:
            raise TypeError("__init__(): incompatible constructor arguments")
        self._network, self._errors = network, []

    num_errors = property(lambda self: len(self._errors))

    def parse(self, model):
        try:
            self._network.read(model)
        except Exception as error:  # noqa: BLE001 ONNX Runtime's share no base
            self._errors.append(str(error))
        return self.library.gives("parse", not self._errors)

    def get_error(self, index):
        return type("ParserError", (), {"desc": lambda _: self._errors[index]})()


class _Config:
    progress_monitor = None

    def __init__(self, library):
        self._library, self.profiles, self.workspace, self.cache = library, [], 0, None

    def set_memory_pool_limit(self, pool, pool_size):
        assert pool == self._library.MemoryPoolType.WORKSPACE
        self.workspace = pool_size

    def add_optimization_profile(self, profile):
        self.profiles.append(profile.shapes)
        return self._library.gives("add_optimization_profile", len(self.profiles) - 1)

    def create_timing_cache(self, serialized_timing_cache):
        try:
            cache = _TimingCache(json.loads(serialized_timing_cache or b"[]"))
        except ValueError:
            return None
        return self._library.gives("create_timing_cache", cache)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert not ignore_mismatch
        self.cache = cache
        return self._library.gives("set_timing_cache", True)


class _TimingCache:
    """Knows which networks were built with it."""

    def __init__(self, known):
        self.known = known

    def serialize(self):
        return memoryview(json.dumps(self.known).encode())


class _Profile:
    def set_shape(self, _name, min, opt, max):  # noqa: A002 the library's names
        assert len(min) == len(opt) == len(max) == 4
        assert all(a <= b <= c for a, b, c in zip(min, opt, max, strict=True))
        self.shapes = [list(min), list(opt), list(max)]


# Running: on the thread that owns the context, with which everything has to die.


class _Lives:
    """Something of TensorRT's, and what was made by it, which may not outlive it."""

    def __init__(self, library, name):
        library.cuda.called(name)
        self.library, self.made = library, weakref.WeakSet()
        library.cuda.born(self)

    def __del__(self):
        self.library.cuda.died(self, "collected")
        if getattr(self, "made", ()) and not self.library.cuda.lasting:
            self.library.cuda.broke(f"{type(self).__name__} died before what it made")


class _Runtime(_Lives):
    library = None

    def __init__(self, logger):
        self.library.log = logger
        self.library.gives("Runtime", None)
        super().__init__(self.library, "Runtime")

    def deserialize_cuda_engine(self, plan):
        library = self.library
        library.cuda.called("deserialize_cuda_engine")
        digest, text = plan[len(_MAGIC) :][:64], plan[len(_MAGIC) + 64 :]
        if plan[: len(_MAGIC)] != _MAGIC or hashlib.sha256(text).hexdigest().encode() != digest:
            library.say("Error Code 1: Serialization (magic tag does not match)")
            return None
        told, _, onnx = text.partition(b"\n")
        built = json.loads(told)
        if built["version"] != library.__version__:
            library.say("Error Code 1: Serialization (version tag does not match)")
            return None
        if tuple(built["gpu"]) != library.cuda.capability:
            library.say("Error Code 1: the engine was generated on an incompatible device")
            return None
        engine = _Engine(library, _session(onnx), built["profiles"])
        self.made.add(engine)
        return library.gives("deserialize_cuda_engine", engine)


class _Engine(_Lives):
    def __init__(self, library, session, profiles):
        super().__init__(library, "ICudaEngine")
        self.session, self.profiles, self.contexts = session, profiles, 0
        self._inputs = [_Tensor(each) for each in session.get_inputs()]
        self._tensors = [*self._inputs, *(_Tensor(each) for each in session.get_outputs())]
        self.by_name = {each.name: each for each in self._tensors}
        self.num_io_tensors = len(self._tensors)
        self.num_optimization_profiles = max(1, len(profiles))

    def get_tensor_name(self, index):
        return self._tensors[index].name

    def get_tensor_mode(self, name):
        is_input = self.by_name[name] in self._inputs
        return self.library.TensorIOMode.INPUT if is_input else self.library.TensorIOMode.OUTPUT

    def get_tensor_location(self, name):
        return self.library.gives(f"get_tensor_location {name}", self.library.TensorLocation.DEVICE)

    def get_tensor_shape(self, name):
        return self.by_name[name].shape

    def get_tensor_dtype(self, name):
        dtype = self.library.DataType[_DATA_TYPES[self.by_name[name].dtype.name]]
        return self.library.gives(f"get_tensor_dtype {name}", dtype)

    def get_tensor_profile_shape(self, name, profile_index):
        assert self.by_name[name] in self._inputs
        return [tuple(shape) for shape in self.profiles[profile_index]]

    def create_execution_context(self):
        context = _Context(self.library, self)
        self.made.add(context)
        return self.library.gives("create_execution_context", context)


class _Context(_Lives):
    """The first of an engine begins with its first profile, the others with none."""

    def __init__(self, library, engine):
        super().__init__(library, "IExecutionContext")
        self._session, self._profiles = engine.session, engine.profiles
        self._tensors = engine.by_name
        self._addresses, self._input, self._shapes = {}, None, {}
        engine.contexts += 1
        self._profile = 0 if engine.contexts == 1 or not engine.profiles else None

    def set_optimization_profile_async(self, profile_index, stream_handle):
        self.library.cuda.called("set_optimization_profile_async")
        assert stream_handle in self.library.cuda.streams
        self._profile = profile_index
        self._shapes = {}
        return self.library.gives("set_optimization_profile_async", True)

    def set_input_shape(self, name, shape):
        self.library.cuda.called("set_input_shape")
        least, _, most = (
            self._profiles[self._profile]
            if self._profiles and self._profile is not None
            else [self._tensors[name].shape] * 3
        )
        if not all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True)):
            self.library.say(f"Error Code 3: {list(shape)} is outside of the profile")
            return False
        self._shapes = self._outputs_of(name, shape)
        return self.library.gives("set_input_shape", True)

    def _outputs_of(self, name, shape):
        """Shapes of all tensors; ONNX Runtime tells them once it ran."""
        session = self._session
        given = session.run(None, {name: np.zeros(shape, self._tensors[name].dtype)})
        names = [each.name for each in session.get_outputs()]
        return {name: tuple(shape)} | {
            each: out.shape for each, out in zip(names, given, strict=True)
        }

    def get_tensor_shape(self, name):
        shape = self._shapes.get(name, self._tensors[name].shape)
        return self.library.gives(f"get_tensor_shape {name}", shape)

    def set_tensor_address(self, name, memory):
        self.library.cuda.called("set_tensor_address")
        assert type(memory) is int
        self._addresses[name] = memory
        return self.library.gives("set_tensor_address", True)

    def execute_async_v3(self, stream_handle):
        self.library.cuda.called("execute_async_v3")
        if self._addresses.keys() != self._tensors.keys() or not self._shapes:
            self.library.say("Error Code 3: a tensor has no address or no shape")
            return False
        addresses, shapes = dict(self._addresses), dict(self._shapes)
        self.library.cuda.streams[stream_handle].then(lambda: self._compute(addresses, shapes))
        return self.library.gives("execute_async_v3", True)

    def _compute(self, addresses, shapes):
        cuda, session = self.library.cuda, self._session
        tensors = {}
        for name, address in addresses.items():
            dtype = self._tensors[name].dtype
            size = int(np.prod(shapes[name])) * dtype.itemsize
            tensors[name] = cuda.memory(address, size).view(dtype).reshape(shapes[name])
        wanted = session.get_inputs()[0].name
        # A copy: an array at an address would be what ONNX Runtime computes in.
        given = session.run(None, {wanted: tensors[wanted].copy()})
        for info, array in zip(session.get_outputs(), given, strict=True):
            np.copyto(tensors[info.name], np.nan if self.library.nans else array)
