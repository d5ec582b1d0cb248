"""CudaDetector: a network on a GPU that is fed there, wherever the frames are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.cuda.picture import picture_of
from agent.cuda.suited import FedOnGpu
from agent.detect.detector import NetworkDetector
from models.decode.yolo_seg import YoloSegDecoder
from models.runtime.cuda.network_input import feed
from models.runtime.cuda.prototype_masks import GpuMasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from agent.frames.frame import Frame
    from models.decode import Decoder
    from models.feeding import Feeding
    from models.input_spec import InputSpec
    from models.preprocess import Letterbox
    from models.runtime.gpu import Gpu, GpuWork


class CudaDetector(NetworkDetector):
    """A `NetworkDetector` that scales and converts on the GPU, where the network is, too.

    Frames that are there stay there. Those in main memory are copied as they are: 1.4 MB at 720p,
    where the input of 640 x 640 px that a CPU makes of them has 4.9 MB and takes it a millisecond.

    The network is fed with the bits that it would be fed with by a CPU; masks that are made on
    the GPU may differ by 1/255.
    """

    @property
    def gpu(self) -> Gpu:
        """The network's."""
        return self._network.gpu

    def _outputs(self, frame: Frame, fit: Letterbox, spec: InputSpec) -> Sequence[npt.NDArray[Any]]:
        def fill(work: GpuWork, address: int) -> None:
            with picture_of(frame, work) as picture:
                feed(work, picture, fit, spec, address)

        return self._network.run_from(fill, spec)

    def _decoder(self, way: Feeding) -> Decoder:
        decoder = way.decoder
        if isinstance(decoder, YoloSegDecoder):
            return replace(decoder, masks_of=GpuMasks(self._network.gpu))
        return decoder

    @property
    def _network(self) -> FedOnGpu:
        network = self.chosen.network
        if not isinstance(network, FedOnGpu):
            raise TypeError(f"{type(network).__name__} is not fed on a GPU")
        return network
