"""Engine: TensorRT's objects of one plan, on the thread that owns the GPU.

None of them may be touched or die anywhere else; `TensorRtNetwork` is what other threads have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import InferenceError, ModelError
from models.runtime.held_frames import let_go
from models.runtime.tensorrt_slot import Slot
from models.runtime.tensorrt_versions import log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.runtime.gpu import GpuWork
    from models.runtime.tensorrt_types import ICudaEngine, Library, Runtime

    Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of an engine; a size of -1 varies."""

    name: str
    shape: Shape
    dtype: np.dtype[Any]


class Engine:
    """A plan that was read, and what it computes.

    Attributes:
        input: the image.
        outputs: in the order that they were asked for.
        profiles: least and most shape of the input that each is for.
    """

    def __init__(
        self, work: GpuWork, library: Library, plan: bytes, outputs: Sequence[str]
    ) -> None:
        """Read a plan. It runs code of whoever made it, so it is one that was made here.

        Args:
            work: on the owner thread.
            library: `tensorrt`.
            plan: TensorRT's.
            outputs: names of the outputs to give; empty: all.

        Raises:
            ModelError: it is another version's or device's, damaged, or of no image network.
        """
        self._work, self._library, self._log = work, library, log_of(library)
        self._slots: list[Slot] = []
        self._runtime: Runtime = None
        self._engine: ICudaEngine = None
        self._closed = False
        work.adopt(self)
        try:
            self._runtime = self.made("start", library.Runtime, self._log)
            self._engine = self.made("read the engine", self._runtime.deserialize_cuda_engine, plan)
            self._read_tensors(outputs)
        except BaseException as error:
            let_go(error)
            self.close()
            raise

    def _read_tensors(self, outputs: Sequence[str]) -> None:
        library, inputs, found = self._library, [], {}
        for i in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(i)
            if self._engine.get_tensor_location(name) != library.TensorLocation.DEVICE:
                raise ModelError(f"the network wants {name!r} in the host's memory")
            kind = self._engine.get_tensor_dtype(name)
            dtype = np.dtype(self.made(f"give {name!r} to NumPy", library.nptype, kind))
            tensor = Tensor(name, tuple(self._engine.get_tensor_shape(name)), dtype)
            if self._engine.get_tensor_mode(name) == library.TensorIOMode.INPUT:
                inputs.append(tensor)
            else:
                found[name] = tensor
        if len(inputs) != 1:
            raise ModelError(f"the network wants {len(inputs)} inputs, not one image")
        self.input = inputs[0]
        if len(self.input.shape) != 4 or self.input.dtype != np.float32:
            raise ModelError(
                f"the network wants {self.input.dtype} {list(self.input.shape)}, "
                "not an image of float32 [N, 3, H, W]"
            )
        if missing := set(outputs) - found.keys():
            raise ModelError(f"the network has no output named {min(missing)!r}")
        self.all_outputs = tuple(found.values())
        self.outputs = tuple(found[name] for name in outputs or found)
        self.profiles = self._read_profiles()

    def _read_profiles(self) -> tuple[tuple[Shape, Shape], ...]:
        if min(self.input.shape) >= 0:
            return ((self.input.shape, self.input.shape),)
        shapes = (
            self._engine.get_tensor_profile_shape(self.input.name, i)
            for i in range(self._engine.num_optimization_profiles)
        )
        return tuple((tuple(least), tuple(most)) for least, _, most in shapes)

    def made(self, what: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """What TensorRT makes; it says in its log why it made nothing.

        Raises:
            ModelError: None came of it, or an exception of the bindings.
        """
        try:
            thing = make(*arguments)
        except Exception as error:  # the bindings raise what they like
            said = str(error).strip().split("\n", 1)[0][:200]
            raise ModelError(f"TensorRT can't {what}: {said}; {self._log.said()}") from error
        if thing is None:
            raise ModelError(f"TensorRT can't {what}: {self._log.said()}")
        return thing

    def check(self, what: str, done: object) -> None:
        """TensorRT's calls return False where others raise.

        Raises:
            InferenceError: this one did.
        """
        if done is not True:
            raise InferenceError(f"TensorRT can't {what}: {self._log.said()}")

    def profile_of(self, shape: Shape) -> int:
        """Which profile is for an input of this shape.

        Raises:
            InferenceError: none is.
        """
        for i, (least, most) in enumerate(self.profiles):
            if len(shape) == 4 and all(map(_lies_between, shape, least, most)):
                return i
        images = max(most[0] for _, most in self.profiles)
        if len(shape) == 4 and shape[0] > images:
            raise InferenceError(
                f"the network was made for {images} image{'s' * (images > 1)} a run, "
                f"not for {shape[0]}"
            )
        raise InferenceError(f"the network was not made for an input of {list(shape)}")

    def slot(self) -> Slot:
        """Room for one run; several take turns, so that one is filled while another computes."""
        context = self.made("run the engine", self._engine.create_execution_context)
        slot = Slot(self, self._work, context)
        self._slots.append(slot)
        return slot

    def close(self) -> None:
        """Give everything back, on the owner thread, what was made last first."""
        if self._closed:
            return
        self._closed = True
        self._work.disown(self)
        try:
            self._work.finish()
        finally:
            for slot in self._slots:
                slot.drop_context()
            self._engine = None
            self._runtime = None
            while self._slots:
                self._slots.pop().release()


def _lies_between(size: int, least: int, most: int) -> bool:
    return least <= size <= most
