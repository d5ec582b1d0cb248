"""Slot: room for one run of an engine, on the thread that owns the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.runtime.gpu import GpuEvent, GpuWork
    from models.runtime.tensorrt_engine import Engine, Shape
    from models.runtime.tensorrt_types import IExecutionContext

    Fill = Callable[[GpuWork, int], None]
    """Writes a network's input, float32, to this address of the GPU."""


class Slot:
    """An execution context with memory of its own, for one run at a time.

    Attributes:
        event: the last run is done.
    """

    def __init__(self, engine: Engine, work: GpuWork, context: IExecutionContext) -> None:
        self._engine, self._work, self._context = engine, work, context
        self.event = work.event()
        self._timer: tuple[GpuEvent, GpuEvent] | None = None
        self._memory: dict[str, tuple[int, npt.NDArray[Any]]] = {}
        self._shape: Shape = ()
        self._profile: int | None = None
        self._under_way = False

    def begin(self, batch: npt.NDArray[np.float32], *, timed: bool = False) -> None:
        """Begin to compute the outputs of N images, which are copied before this ends.

        Args:
            batch: float32 [N, 3, H, W].
            timed: have the GPU tell how long it takes.
        """
        address, pinned = self._ready(batch.shape)
        np.copyto(pinned, batch)
        self._work.send(address, pinned)
        if not timed:
            self._run()
            return
        if self._timer is None:
            self._timer = self._work.event(timed=True), self._work.event(timed=True)
        self._timer[0].record()
        self._run(self._timer[1])

    def begin_from(self, fill: Fill, shape: Shape) -> None:
        """Begin to compute the outputs of an image that is made on the GPU."""
        address, _ = self._ready(shape)
        fill(self._work, address)
        self._run()

    def _ready(self, shape: Shape) -> tuple[int, npt.NDArray[Any]]:
        """The input's memory, when nothing is under way in any of it."""
        if self._under_way:  # somebody began and did not wait for the end
            self._work.finish()
        self._under_way = True
        if shape != self._shape:
            self._shape = ()
            self._free()
            self._set_shape(shape)
            self._shape = shape
        return self._memory[self._engine.input.name]

    def _set_shape(self, shape: Shape) -> None:
        """Prepare for inputs of this shape; addresses stay until there is another."""
        engine, context, work = self._engine, self._context, self._work
        profile = engine.profile_of(shape)
        if profile != self._profile and min(engine.input.shape) < 0:
            done = context.set_optimization_profile_async(profile, work.stream)
            engine.check(f"use profile {profile}", done)
            self._profile = profile
        name = engine.input.name
        engine.check(f"take {list(shape)}", context.set_input_shape(name, shape))
        for tensor in (engine.input, *engine.all_outputs):
            sizes = tuple(context.get_tensor_shape(tensor.name))
            if min(sizes, default=0) < 0:
                raise InferenceError(f"the size of {tensor.name!r} depends on what is seen")
            pinned = work.pinned(sizes, tensor.dtype)
            try:
                address = work.alloc(max(1, pinned.nbytes))
            except InferenceError:
                work.unpin(pinned)
                raise
            self._memory[tensor.name] = address, pinned
            done = context.set_tensor_address(tensor.name, address)
            engine.check(f"use memory for {tensor.name!r}", done)

    def _run(self, computed: GpuEvent | None = None) -> None:
        done = self._context.execute_async_v3(self._work.stream)
        self._engine.check("run the network", done)
        if computed is not None:
            computed.record()
        for tensor in self._engine.outputs:
            address, pinned = self._memory[tensor.name]
            self._work.fetch(pinned, address)
        self.event.record()

    def end(self) -> tuple[npt.NDArray[Any], ...]:
        """The outputs, once the event has happened."""
        self._under_way = False
        return tuple(self._memory[tensor.name][1].copy() for tensor in self._engine.outputs)

    def took_s(self) -> float:
        """Seconds that the network alone took in the last run that was timed and has ended."""
        if self._timer is None:
            raise InferenceError("no run was timed")
        return self._timer[1].seconds_since(self._timer[0])

    def drop_context(self) -> None:
        """Give TensorRT's part back; nothing can be run after it."""
        self._context = None

    def release(self) -> None:
        """Give the rest back."""
        for event in (self.event, *(self._timer or ())):
            event.close()
        self._free()

    def _free(self) -> None:
        while self._memory:
            address, pinned = self._memory.popitem()[1]
            self._work.unpin(pinned)
            self._work.free(address)
