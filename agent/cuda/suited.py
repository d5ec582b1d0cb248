"""What suits a network and a frame, by where they are.

What a GPU needs is imported only where there is one: it takes 20 ms, which every start would wait
for.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from agent.detect.detector import NetworkDetector
from agent.frames.cuda_frame import CudaFrame
from agent.redact.painter import CpuPainter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from agent.frames.frame import Frame
    from agent.redact.painter import Painter
    from models.feeding import Feedings
    from models.input_spec import InputSpec
    from models.runtime.choose import Chosen
    from models.runtime.gpu import Gpu, GpuWork


@runtime_checkable
class FedOnGpu(Protocol):
    """A network whose input can be written where it computes, as `TensorRtNetwork`'s."""

    @property
    def gpu(self) -> Gpu:
        """What it runs on."""
        ...

    def run_from(
        self, fill: Callable[[GpuWork, int], None], spec: InputSpec
    ) -> Sequence[npt.NDArray[Any]]:
        """Run one image of these sides, which `fill` writes to the address that it is given."""
        ...


def detector_for(
    chosen: Chosen, feedings: Feedings, min_score: float, sought: frozenset[frozenset[int]]
) -> NetworkDetector:
    """The detector that suits a network, and the GPU that it may be on; see `NetworkDetector`."""
    if isinstance(chosen.network, FedOnGpu):
        from agent.cuda.detector import CudaDetector
        from agent.cuda.proof import is_trusted

        if is_trusted(chosen.network.gpu):
            return CudaDetector(chosen, feedings, min_score, sought)
    return NetworkDetector(chosen, feedings, min_score, sought)


def painter_of(frame: Frame) -> Painter:
    """What hides in a frame where it is."""
    if isinstance(frame, CudaFrame):
        from agent.cuda.painter import CudaPainter

        return CudaPainter()
    return CpuPainter()
