"""Audible: a runtime that gives a word at each load and each run, so that one that hangs is silent.

On a busy device a test takes minutes, in which nothing else can be told from hanging.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from models.bundle import Bundle
    from models.manifest import Manifest, Role, RuntimeName
    from models.runtime.backend import Backend
    from models.runtime.network import Network, TensorShape


class AudibleBackend:
    """A `models.runtime.backend.Backend` of audible networks.

    Args:
        backend: does the work.
        alive: is called before and after each piece of it.
    """

    def __init__(self, backend: Backend, alive: Callable[[], object]) -> None:
        self._backend, self._alive = backend, alive

    @property
    def name(self) -> RuntimeName:
        """The backend's."""
        return self._backend.name

    @property
    def on_cpu(self) -> bool:
        """The backend's."""
        return self._backend.on_cpu

    def why_not(self) -> str | None:
        """The backend's."""
        return self._backend.why_not()

    def version(self) -> str:
        """The backend's."""
        return self._backend.version()

    def roles(self, manifest: Manifest) -> tuple[Role, ...]:
        """The backend's."""
        return self._backend.roles(manifest)

    def load(self, bundle: Bundle, role: Role, threads: int) -> Network:
        """As the backend."""
        self._alive()
        network = self._backend.load(bundle, role, threads)
        self._alive()
        return AudibleNetwork(network, self._alive)


class AudibleNetwork:
    """A `models.runtime.network.Network`; arguments as of `AudibleBackend`."""

    def __init__(self, network: Network, alive: Callable[[], object]) -> None:
        self._network, self._alive = network, alive

    @property
    def input_shape(self) -> TensorShape:
        """The network's."""
        return self._network.input_shape

    @property
    def outputs(self) -> Mapping[str, TensorShape]:
        """The network's."""
        return self._network.outputs

    @property
    def precision(self) -> Role:
        """The network's."""
        return self._network.precision

    def run(self, batch: npt.NDArray[np.float32], /) -> Sequence[npt.NDArray[Any]]:
        """As the network."""
        self._alive()
        seen = self._network.run(batch)
        self._alive()
        return seen

    def close(self) -> None:
        """As the network."""
        self._network.close()
