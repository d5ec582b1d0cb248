"""Network: what every runtime makes of a model file, so that nobody asks which runtime it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from models.manifest import Role

TensorShape = tuple[int | str | None, ...]
"""Sizes of a tensor; one that varies is a name or None."""


class Runnable(Protocol):
    """Whatever computes raw outputs, in PyTorch or on a device."""

    def run(self, batch: npt.NDArray[np.float32], /) -> Sequence[npt.NDArray[Any]]:
        """Compute the raw outputs of N images, float32 [N, 3, H, W] from `models.preprocess`.

        Nobody reads the images, nor outputs that share their memory, once this has ended: it is
        the caller's, who writes the next ones into it.
        """
        ...


class Network(Protocol):
    """A loaded network. Any number of threads may run it at once, whatever it computes on.

    A network that computes on one thread of its own (a CUDA context has one owner) takes batches
    from the others by a queue, behind these same methods.
    """

    @property
    def input_shape(self) -> TensorShape:
        """What the network wants, as its file has it; the first size is the batch."""
        ...

    @property
    def outputs(self) -> Mapping[str, TensorShape]:
        """Shape by name of every output that the file has."""
        ...

    @property
    def precision(self) -> Role:
        """What the weights are stored in."""
        ...

    def run(self, batch: npt.NDArray[np.float32], /) -> Sequence[npt.NDArray[Any]]:
        """Compute the raw outputs of N images at once.

        A batch that the network was not made for is refused, not taken apart: outputs such as a
        count of detections have no batch axis along which they could be put together again. Who
        gathers batches asks `input_shape` how large they may be.

        Args:
            batch: float32 [N, 3, H, W] from `models.preprocess`; read until this ends, and not
                after.

        Returns:
            The outputs that were asked for at loading, in that order; where they have a batch
            axis it is the first, and N long.

        Raises:
            InferenceError: the run failed, the batch has another size than the network was made
                for, or the network was closed.
        """
        ...

    def close(self) -> None:
        """Free the network once the runs under way are done; later ones get an error."""
        ...


@runtime_checkable
class EventTimed(Protocol):
    """A network whose device tells how long it took."""

    def run_timed(
        self, batch: npt.NDArray[np.float32], /
    ) -> tuple[Sequence[npt.NDArray[Any]], float]:
        """As `Network.run`; and seconds that the device took for the network alone, by events."""
        ...
