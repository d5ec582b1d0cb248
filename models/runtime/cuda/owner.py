"""CudaGpu: a GPU that pycuda drives, from one thread that owns its context.

A CUDA context belongs to the thread in which it is current, and pycuda frees what a context holds
when Python objects die; most complaints about both together are of contexts in the wrong thread.
So one thread makes the context current (the GPU's primary one, which TensorRT uses too), does
everything that is ever asked of it, frees all in the reverse order, and gives the context up.

Never run on hardware: a simulated driver checks threads, order and leaks.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from models.errors import InferenceError, LostGpuError
from models.runtime.cuda.work import CudaEvent, CudaWork
from models.runtime.gpu import GpuIdentity
from models.runtime.held_frames import let_go

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.runtime.cuda.work import Kernels
    from models.runtime.gpu import GpuEvent, GpuWork

T = TypeVar("T")

LIMIT_S = 60.0
"""For one call. Chosen, not measured: TensorRT reads a plan in seconds, and runs one in less."""

_JOIN_S = 10.0
"""For the calls under way at the end. Chosen, not measured: what a service manager waits is more."""

_POLL_S = 0.0005
"""How often an event is looked at that somebody waits for. Chosen, not measured: a tenth of the
quickest detection."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A call, and who waits for it."""

    work: Callable[[CudaWork], Any]
    after: CudaEvent | None
    done: Future[Any]


class CudaGpu:
    """A `models.runtime.gpu.Gpu`: the machine's first one.

    Attributes:
        identity: what it is.
    """

    def __init__(self, kernels: Kernels, *, driver: Any = None, limit_s: float = LIMIT_S) -> None:
        """Begin to use the GPU.

        Args:
            kernels: gives the project's kernels, compiled for a compute capability.
            driver: `pycuda.driver`, or what stands for it; None imports it.
            limit_s: how long one call may take, the wait for others included.

        Raises:
            InferenceError: there is no pycuda, or no GPU that it can use.
        """
        self._kernels, self._limit_s = kernels, limit_s
        self._driver = _pycuda() if driver is None else driver
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._broken = ""
        started: Future[GpuIdentity] = Future()
        self._thread = threading.Thread(target=self._own, args=(started,), name="gpu", daemon=True)
        self._thread.start()
        self.identity = started.result()

    def do(self, work: Callable[[GpuWork], T], /, after: GpuEvent | None = None) -> T:
        """Have the owner thread run this call; see `models.runtime.gpu.Gpu`."""
        job = _Job(work, cast("CudaEvent | None", after), Future())
        with self._gate:
            if self._closed:
                raise InferenceError("the GPU was closed")
            self._jobs.put(job)
        try:
            return cast("T", job.done.result(self._limit_s))
        except FutureTimeoutError:
            if job.done.done():  # it is what the call itself raised
                raise
            self._broken = f"it did not answer within {self._limit_s:g} s"
            raise LostGpuError(self._lasting) from None

    def close(self) -> None:
        """Free all that is left, and end the owner thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        limit_s = min(_JOIN_S, self._limit_s)
        self._thread.join(limit_s)
        if self._thread.is_alive():
            raise InferenceError(f"the GPU did not end its work within {limit_s:g} s")

    @property
    def _lasting(self) -> str:
        """What is said of a failure after which the context is good for nothing."""
        return f"the GPU failed for good: {self._broken}; start the process again"

    def _own(self, started: Future[GpuIdentity]) -> None:
        """The owner thread's life."""
        driver = self._driver
        try:
            driver.init()
            device = driver.Device(0)
            context = device.retain_primary_context()
        except Exception as error:  # noqa: BLE001 whoever opened the GPU waits for it
            started.set_exception(InferenceError(f"no GPU that CUDA can use: {_line(error)}"))
            return
        try:
            context.push()  # retaining it does not make it current
            try:
                self._live(device, started)
            finally:
                driver.Context.pop()
        except Exception as error:
            if not started.done():
                started.set_exception(InferenceError(f"the GPU can't be used: {_line(error)}"))
            elif not self._broken:  # else there is nothing that could still be given back
                raise
        finally:
            context.detach()

    def _live(self, device: Any, started: Future[GpuIdentity]) -> None:
        """Work, with the context current."""
        identity = _identity(device, self._driver)
        work = CudaWork(self._driver, identity.compute_capability, self._kernels)
        try:
            started.set_result(identity)
            self._serve(work)
        finally:
            work.release()

    def _serve(self, work: CudaWork) -> None:
        """Run calls as they come, but those that wait for an event once it has happened."""
        waiting: list[_Job] = []
        ending = False
        while waiting or not ending:
            try:
                job = self._jobs.get(timeout=_POLL_S if waiting else None)
            except queue.Empty:
                pass
            else:
                ending = ending or job is None
                waiting += [job] if job else []
            waiting = [each for each in waiting if not self._ran(each, work)]

    def _ran(self, job: _Job, work: CudaWork) -> bool:
        """Run a call, unless it has to wait; whether it is over."""
        try:
            if self._broken:
                raise LostGpuError(self._lasting)  # noqa: TRY301 the caller's
            if job.after is not None and not job.after.happened():
                return False
            given = job.work(work)
        except BaseException as error:  # noqa: BLE001 the caller's
            let_go(error)
            job.done.set_exception(self._explained(error))
        else:
            job.done.set_result(given)
        return True

    def _explained(self, error: BaseException) -> BaseException:
        """What the caller is told; it is found out whether the context still works."""
        driver = self._driver
        try:
            if not self._broken:
                driver.Context.synchronize()
        except driver.Error as lasting:
            self._broken = _line(lasting)
            return _because_of(error, LostGpuError(self._lasting))
        if isinstance(error, driver.Error):
            return _because_of(error, InferenceError(f"the GPU failed: {_line(error)}"))
        return error


def _because_of(error: BaseException, told: InferenceError) -> InferenceError:
    """What callers understand."""
    told.__cause__ = error
    return told


def _pycuda() -> Any:
    """Its driver interface.

    Raises:
        InferenceError: it can't be imported, for whatever reason.
    """
    try:
        from pycuda import driver  # noqa: PLC0415 only where a GPU is to be used
    except Exception as error:  # a missing libcuda is an ImportError, a wrong one anything
        raise InferenceError(f"pycuda can't be imported: {_line(error)}") from error
    return driver


def _identity(device: Any, driver: Any) -> GpuIdentity:
    version = driver.get_driver_version()
    return GpuIdentity(
        name=device.name(),
        compute_capability="{}.{}".format(*device.compute_capability()),
        driver=f"{version // 1000}.{version % 1000 // 10}",
    )


def _line(error: BaseException) -> str:
    """The first line of what an error says, or its name."""
    return str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
