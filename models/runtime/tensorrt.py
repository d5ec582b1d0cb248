"""Run a network with TensorRT, from any thread, on a GPU that one thread owns.

Never run on hardware: names and arguments are checked against the libraries of three versions, the
order of calls, threads, memory and faults on a simulated GPU.
"""

from __future__ import annotations

import queue
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from models.errors import InferenceError, ModelError
from models.runtime.held_frames import let_go
from models.runtime.tensorrt_engine import Engine
from models.runtime.tensorrt_versions import tensorrt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from models.input_spec import InputSpec
    from models.manifest import Role
    from models.runtime.gpu import Gpu, GpuWork
    from models.runtime.network import TensorShape
    from models.runtime.tensorrt_engine import Tensor
    from models.runtime.tensorrt_slot import Fill, Slot
    from models.runtime.tensorrt_types import Library

SLOTS = 2
"""Runs that may be under way: while one computes, the next is copied to the GPU and begun."""


class TensorRtNetwork:
    """A `models.runtime.network.Network` on a GPU.

    Callers beyond `SLOTS` wait for each other. All runs are in one stream, one after the other.

    Attributes:
        gpu: what it runs on.
        input_shape: what the network wants; None: a size that varies.
        outputs: shape by name of every output that the engine has.
        precision: what the weights are stored in.
        most_images: of a run.
    """

    def __init__(
        self,
        plan: bytes,
        gpu: Gpu,
        *,
        inputs: Sequence[InputSpec] = (),
        outputs: Sequence[str] = (),
        precision: Role,
        library: Library = None,
    ) -> None:
        """Load an engine.

        Args:
            plan: TensorRT's, built on this machine or on an equal one whose word is trusted: to
                read it is to run it.
            gpu: what it runs on; it outlives the network.
            inputs: what the network will be fed, to check it now.
            outputs: names of the outputs to give, in this order; empty: all.
            precision: what its bundle says of it.
            library: `tensorrt`, or what stands for it; None imports it.

        Raises:
            ModelError: TensorRT can't run it here, or it is not the one described.
        """
        self.gpu, self._library = gpu, library or tensorrt()
        self.precision: Role = precision
        self._slots: queue.SimpleQueue[Slot | None] = queue.SimpleQueue()

        def load(work: GpuWork) -> tuple[Engine, list[Slot]]:
            engine = Engine(work, self._library, plan, outputs)
            try:
                for spec in inputs:
                    _check_input(engine, spec)
                return engine, [engine.slot() for _ in range(SLOTS)]
            except BaseException as error:
                let_go(error)
                engine.close()
                raise

        self._engine, slots = gpu.do(load)
        for slot in slots:
            self._slots.put(slot)
        self.input_shape = _shape(self._engine.input)
        self.outputs = {each.name: _shape(each) for each in self._engine.all_outputs}
        self.most_images = max(most[0] for _, most in self._engine.profiles)

    def run(self, batch: npt.NDArray[np.float32], /) -> tuple[npt.NDArray[Any], ...]:
        """Run N images; see `models.runtime.network.Network`."""
        with self._slot() as slot:
            self.gpu.do(lambda _: slot.begin(batch))
            return self.gpu.do(lambda _: slot.end(), after=slot.event)

    def run_timed(
        self, batch: npt.NDArray[np.float32], /
    ) -> tuple[tuple[npt.NDArray[Any], ...], float]:
        """As `run`, and the seconds that the GPU took for the network alone, by its events."""
        with self._slot() as slot:
            self.gpu.do(lambda _: slot.begin(batch, timed=True))
            return self.gpu.do(lambda _: (slot.end(), slot.took_s()), after=slot.event)

    def run_from(self, fill: Fill, spec: InputSpec) -> tuple[npt.NDArray[Any], ...]:
        """Run one image that is made on the GPU.

        Args:
            fill: called on the owner thread; writes float32 [1, 3, H, W] to the address that it is
                given, or begins to.
            spec: height and width of that.

        Returns:
            As `run`.

        Raises:
            InferenceError: as `run`, or what `fill` raises.
        """
        with self._slot() as slot:
            self.gpu.do(lambda _: slot.begin_from(fill, (1, 3, spec.height, spec.width)))
            return self.gpu.do(lambda _: slot.end(), after=slot.event)

    @contextmanager
    def _slot(self) -> Iterator[Slot]:
        """One that nobody else uses."""
        slot = self._slots.get()
        try:
            if slot is None:
                raise InferenceError("the network was closed")
            yield slot
        finally:
            self._slots.put(slot)

    def close(self) -> None:
        """Free the network once the runs under way are done; later ones get an error."""
        for _ in range(SLOTS):
            if self._slots.get() is None:
                break
        else:
            with suppress(InferenceError):  # the GPU was closed before, and the engine with it
                self.gpu.do(lambda _: self._engine.close())
        self._slots.put(None)


def _check_input(engine: Engine, spec: InputSpec) -> None:
    shape = (1, 3, spec.height, spec.width)
    try:
        engine.profile_of(shape)
    except InferenceError as error:
        raise ModelError(
            f"the engine wants {list(engine.input.shape)}, but is described as taking {list(shape)}"
        ) from error


def _shape(tensor: Tensor) -> TensorShape:
    return tuple(size if size >= 0 else None for size in tensor.shape)
