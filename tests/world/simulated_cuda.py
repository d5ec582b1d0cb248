"""SimulatedCuda: stands for `pycuda.driver`, on a GPU whose memory is this process's.

It is as strict as CUDA and pycuda are, and then some: one thread makes every call, with a context
that is current; objects die on that thread, before the context is given up; and nothing of a stream
is done before somebody waits for it, so that whoever reads too early reads what was there before,
and whoever writes too early changes what is yet to be read.
"""

import ctypes
import tempfile
import threading
import weakref

import numpy as np

FRESH = 0xA5
"""What fresh memory is full of."""

_FENCE_BYTES = 256
"""Around all memory, so that what is written beyond it is seen."""


class Error(Exception):
    """As in pycuda: the others derive from it, and not from Python's own of the same names."""


class MemoryError(Error):  # noqa: A001 pycuda's name
    pass


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class RuntimeError(Error):  # noqa: A001 pycuda's name
    pass


class SimulatedCuda:
    """`pycuda.driver` as far as it is used; each is a machine of its own.

    Attributes:
        capability: of the GPU.
        calls: names of the calls, in order.
        violations: rules that were broken, in words.
        breaks: by a call's name, what its next call raises; LaunchError: from then on, everything.
        lasting: what every call raises from now on.
        stuck: while it is set, no stream gets anywhere.
    """

    Error, MemoryError, LogicError = Error, MemoryError, LogicError
    LaunchError, RuntimeError = LaunchError, RuntimeError

    def __init__(self, *, devices=1, memory_bytes=1 << 30, capability=(8, 7), version=12060):
        self.calls, self.violations, self.breaks = [], [], {}
        self.stuck = threading.Event()
        self.streams = weakref.WeakValueDictionary()  # by handle
        self._devices, self._free_bytes = devices, memory_bytes
        self.capability, self._version = capability, version
        self._owner, self._stacks, self._live = None, {}, set()
        self._memory, self.lasting, self._primary, self._retained = {}, None, None, 0
        self._make_types()

    def _make_types(self):
        """Classes of this machine, as a module has them."""
        for kind in (_Device, _Context, _Stream, _Event):
            name = kind.__name__[1:]
            setattr(self, name, type(name, (kind,), {"world": self}))
        self.event_flags = type("event_flags", (), {"DEFAULT": 0, "DISABLE_TIMING": 2})

    # What every call goes through.

    def called(self, name, *, context=True):
        """Note a call, and raise what it was to raise."""
        thread = threading.get_ident()
        self.calls.append(name)
        self._owner = self._owner or thread
        if thread != self._owner:
            self.broke(f"{name} on another thread than the owner")
        if self.lasting:
            raise LaunchError(self.lasting)
        error = self.breaks.pop(name, None)
        if isinstance(error, LaunchError):
            self.lasting = str(error)
        if error:
            raise error
        if context and not self._stacks.get(thread):
            self.broke(f"{name} without a context")
            raise LogicError(f"{name} failed: invalid device context")

    def broke(self, rule):
        self.violations.append(rule)

    def born(self, thing):
        self._live.add((type(thing).__name__, id(thing)))

    def died(self, thing, how="freed"):
        """What holds something of the context is gone; pycuda's objects can't without it."""
        name = type(thing).__name__
        if (name, id(thing)) in self._live:
            self._live.remove((name, id(thing)))
            if self.lasting:
                return  # and what a broken context holds, ends with its process
            if threading.get_ident() != self._owner or not self._stacks.get(self._owner):
                self.broke(f"{name} {how} without its context")

    def check(self):
        """No rule was broken, nothing is left, and all calls came from one thread."""
        stacks = {thread: stack for thread, stack in self._stacks.items() if stack}
        assert not self.violations, self.violations
        assert not self._live, f"leaked: {sorted(self._live)}"
        assert not stacks, "the context stack is not empty"
        assert not self._retained, "the primary context was not given back"

    # The module's functions.

    def init(self):
        self.called("init", context=False)

    def get_driver_version(self):
        return self._version

    def mem_alloc(self, size):
        self.called("mem_alloc")
        if size > self._free_bytes:
            raise MemoryError("cuMemAlloc failed: out of memory")
        return _DeviceAllocation(self, size)

    def pagelocked_empty(self, shape, dtype):
        self.called("pagelocked_empty")
        return np.asarray(_PagelockedHostAllocation(self, tuple(shape), np.dtype(dtype)))

    def memcpy_htod_async(self, dest, src, stream):
        self.called("memcpy_htod_async")
        source = _bytes_of(src)
        pinned = pinned_of(src)
        if pinned is None:
            source = source.copy()  # it is staged before the call ends
        copy = lambda: np.copyto(self.memory(_address(dest), source.nbytes), source)  # noqa: E731
        stream.then(copy, pinned)

    def memcpy_dtoh_async(self, dest, src, stream):
        self.called("memcpy_dtoh_async")
        target = _bytes_of(dest)
        pinned = pinned_of(dest)
        copy = lambda: np.copyto(target, self.memory(_address(src), target.nbytes))  # noqa: E731
        stream.then(copy, pinned)
        if pinned is None:
            stream.advance()

    def module_from_buffer(self, buffer):
        self.called("module_from_buffer")
        return _Module(self, bytes(buffer))

    def memory(self, address, size):
        """Bytes on the GPU, which a call may read and write."""
        for start, array in self._memory.items():
            if start <= address and address + size <= start + array.nbytes:
                return array[address - start : address - start + size]
        self.lasting = "an illegal memory access was encountered"
        raise LogicError(self.lasting)


def pinned_of(array):
    """The pinned memory that an array lies in, if it does."""
    while array is not None and not isinstance(array, _PagelockedHostAllocation):
        array = getattr(array, "base", None)
    return array


def _address(where):
    """CUDA's addresses are Python's own integers to pycuda, or what it allocated."""
    if type(where) is not int and not isinstance(where, _DeviceAllocation):
        raise TypeError(f"Python argument types do not match: {type(where)}")
    return int(where)


def _bytes_of(array):
    if not array.flags.contiguous:
        raise BufferError("memoryview: underlying buffer is not contiguous")
    return array.reshape(-1).view(np.uint8)


class _Device:
    world = None

    def __init__(self, number):
        self.world.called("Device", context=False)
        if number >= self.world._devices:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    def name(self):
        return "Simulated GPU"

    def compute_capability(self):
        return self.world.capability

    def retain_primary_context(self):
        self.world.called("retain_primary_context", context=False)
        self.world._retained += 1
        return self.world.Context()


class _Context:
    """The primary context; `pop` and `synchronize` concern the one that is current."""

    world = None

    def push(self):
        self.world.called("push", context=False)
        self.world._stacks.setdefault(threading.get_ident(), []).append(self)

    def detach(self):
        """Once only, and on the thread that retained it: elsewhere pycuda does nothing, silently."""
        self.world.calls.append("detach")
        if threading.get_ident() == self.world._owner:
            self.world._retained -= 1
        stack = self.world._stacks.get(threading.get_ident(), [])
        stack[:] = [each for each in stack if each is not self]

    @classmethod
    def pop(cls):
        cls.world.called("pop")
        if cls.world._live:
            cls.world.broke(f"popped before {sorted(cls.world._live)} were freed")
        cls.world._stacks[threading.get_ident()].pop()

    @classmethod
    def synchronize(cls):
        cls.world.called("synchronize")
        for stream in list(cls.world.streams.values()):
            stream.advance()


class _Stream:
    """Work that is done when somebody waits for it."""

    world = None

    def __init__(self):
        self.world.called("Stream")
        self.world.born(self)
        self.handle = id(self)
        self._asked, self._done, self._work = 0, 0, []
        self.world.streams[self.handle] = self

    def then(self, work, pinned=None):
        self._asked += 1
        self._work.append((work, pinned))

    def needs(self, memory):
        return any(pinned is memory for _, pinned in self._work)

    def asked(self):
        return self._asked

    def pending(self):
        return len(self._work)

    def advance(self, until=None):
        """Do all that was asked, or so much of it."""
        if self.world.stuck.is_set():
            while self.world.stuck.is_set():
                threading.Event().wait(0.01)
        until = self._asked if until is None else until
        while self._done < until:
            self._done += 1
            self._work.pop(0)[0]()

    def synchronize(self):
        self.world.called("stream.synchronize")
        self.advance()

    def __del__(self):
        self.world.died(self, "collected")


class _Event:
    world = None

    def __init__(self, flags):
        self.world.called("Event")
        self._is_timed = flags == self.world.event_flags.DEFAULT
        self.world.born(self)
        self._stream, self._at = None, 0

    def record(self, stream):
        self.world.called("record")
        self._stream, self._at = stream, stream.asked()
        return self

    def query(self):
        self.world.called("query")
        if self.world.stuck.is_set():
            return False
        self._advance()
        return True

    def synchronize(self):
        self.world.called("event.synchronize")
        self._advance()
        return self

    def time_since(self, event):
        """Milliseconds: whatever a stream has to do takes one."""
        self.world.called("time_since")
        if not (self._is_timed and event._is_timed):
            raise LogicError("cuEventElapsedTime failed: invalid resource handle")
        return float(self._at - event._at)

    def _advance(self):
        if self._stream is not None:
            self._stream.advance(self._at)

    def __del__(self):
        self.world.died(self, "collected")


class _Memory:
    """So many bytes of this process, filled with what nobody put there."""

    def __init__(self, world, size):
        self.world, self.size = world, size
        self._room = np.full(size + 2 * _FENCE_BYTES, FRESH, np.uint8)
        self._array = self._room[_FENCE_BYTES : _FENCE_BYTES + size]
        world.born(self)

    @property
    def address(self):
        return self._array.ctypes.data

    def free(self):
        self.world.called("free")
        self._gone("freed")

    def _gone(self, how):
        self.world.died(self, how)
        self._array.fill(FRESH)
        if (self._room != FRESH).any():
            self.world.broke("something was written beyond its memory")
            self._room.fill(FRESH)

    def __del__(self):
        self._gone("collected")


class _DeviceAllocation(_Memory):
    def __init__(self, world, size):
        super().__init__(world, size)
        world._memory[self.address] = self._array
        world._free_bytes -= size

    def __int__(self):
        return self.address

    def free(self):
        pending = any(stream.pending() for stream in list(self.world.streams.values()))
        if pending and not self.world.lasting:
            self.world.broke("memory was freed before what was asked of the GPU was done")
        super().free()

    def _gone(self, how):
        if self.world._memory.pop(self.address, None) is not None:
            self.world._free_bytes += self.size
        super()._gone(how)


class _PagelockedHostAllocation(_Memory):
    """What pycuda makes an array's base."""

    def free(self):
        waited_for = any(stream.needs(self) for stream in self.world.streams.values())
        if waited_for and not self.world.lasting:
            self.world.broke("pinned memory was freed before it was copied")
        super().free()

    def __init__(self, world, shape, dtype):
        super().__init__(world, int(np.prod(shape)) * dtype.itemsize)
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (self.address, False),
            "version": 3,
        }


class _Module:
    """What `tests/cuda/compile.py` compiled, which stands for a cubin."""

    def __init__(self, world, code):
        self._world = world
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(code)
            file.flush()
            try:
                self._code = ctypes.CDLL(file.name)
            except OSError as error:
                raise LogicError(f"cuModuleLoadDataEx failed: {error}") from None
        world.born(self)

    def get_function(self, name):
        self._world.called("get_function")
        try:
            launch = getattr(self._code, f"launch_{name}")
            letters = getattr(self._code, f"parameters_{name}")
        except AttributeError:
            raise LogicError("cuModuleGetFunction failed: named symbol not found") from None
        letters.restype = ctypes.c_char_p
        return _Function(self._world, self, launch, letters().decode())

    def __del__(self):
        self._world.died(self, "collected")


_TYPES = {"P": np.uintp, "i": np.int32, "f": np.float32, "d": np.float64}


_MOST_THREADS = 1024
"""Of a block."""


class _Function:
    """A kernel; what it is given is looked at, which no GPU does."""

    def __init__(self, world, module, launch, letters):
        self._world, self._module, self._launch = world, module, launch
        self._types = [np.dtype(_TYPES[letter]) for letter in letters]

    def __call__(self, *arguments, grid, block, stream):
        self._world.called("launch")
        if not 1 <= np.prod(block) <= _MOST_THREADS or min(*grid, *block) < 1:
            raise LogicError("cuLaunchKernel failed: invalid argument")
        for number, each in enumerate(arguments):
            if not isinstance(each, np.number):
                raise TypeError(f"invalid type on parameter #{number} (0-based)")
        if [each.dtype for each in arguments] != self._types:
            self._world.broke(f"a kernel of {self._types} was given {arguments}")
            return  # it would read what nobody gave it
        values = [np.array(each) for each in arguments]
        pointers = (ctypes.c_void_p * len(values))(*(each.ctypes.data for each in values))
        sizes = (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block)
        stream.then(lambda: (self._launch(*sizes, pointers), values))
