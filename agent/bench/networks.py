"""Networks: each of a bundle's files on each runtime of this machine, alone."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from agent.bench.bench_report import LatencyPart, NetworkPart, SkippedPart
from agent.bench.latency import Latency, timed
from models.errors import ModelError
from models.input_size import suited
from models.runtime.network import EventTimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from models.bundle import Bundle
    from models.input_spec import InputSpec
    from models.manifest import Role
    from models.runtime.backend import Backend
    from models.runtime.network import Network

    Floats = npt.NDArray[np.float32]

_SEED = 0


class NetworkBench:
    """Runs every file that a backend may run, at a few sizes and batches.

    A network takes as long whatever it sees, so it is fed noise. Its answers are not judged here:
    that is what the choice at start is for (`sfumato doctor`, a run's report).

    Args:
        batches: images a run.
        budget_s: of each row.
        threads: that share a run on the CPU.
        tell: is told what is measured now.

    Attributes:
        skipped: what was not measured so far, and why.
    """

    def __init__(
        self,
        bundle: Bundle,
        backends: Sequence[Backend],
        *,
        batches: Sequence[int],
        budget_s: float,
        threads: int,
        tell: Callable[[str], None],
    ) -> None:
        self._bundle, self._backends = bundle, backends
        self._batches, self._budget_s, self._threads = batches, budget_s, threads
        self._tell = tell
        self.skipped: list[SkippedPart] = []

    def rows(self) -> Iterator[NetworkPart]:
        """One after the other, as they are measured."""
        for backend in self._backends:
            reason = backend.why_not()
            if reason is not None:
                self._skip(backend.name, reason)
                continue
            for role in backend.roles(self._bundle.manifest):
                yield from self._of_file(backend, role)

    def _of_file(self, backend: Backend, role: Role) -> Iterator[NetworkPart]:
        what = f"{role} on {backend.name}"
        self._tell(f"loading {what}")
        try:
            network = backend.load(self._bundle, role, self._threads)
        except ModelError as error:
            self._skip(what, str(error))
            return
        try:
            batches = self._possible(what, network)
            for spec in sizes_of(self._bundle.manifest.inputs()):
                for batch in batches:
                    line = f"{what}, {spec.width}x{spec.height}, batch {batch}"
                    self._tell(line)
                    try:
                        yield self._row(backend, role, network, spec, batch)
                    except ModelError as error:
                        self._skip(line, str(error))
        finally:
            network.close()

    def _possible(self, what: str, network: Network) -> Sequence[int]:
        """The batches that the network can be run with; a fixed one is all that it can."""
        made_for = network.input_shape[0]
        if not isinstance(made_for, int):
            return self._batches
        others = ", ".join(str(each) for each in self._batches if each != made_for)
        if others:
            self._skip(f"{what}, batch {others}", f"it takes {made_for} at a time")
        return (made_for,)

    def _row(
        self, backend: Backend, role: Role, network: Network, spec: InputSpec, batch: int
    ) -> NetworkPart:
        run = partial(_run, network, _noise(spec, batch))
        wall, device = timed(run, self._budget_s)
        return NetworkPart(
            runtime=backend.name,
            precision=role,
            size=(spec.width, spec.height),
            batch=batch,
            wall=_part(wall),
            device=_part(device) if device else None,
            images_per_s=round(batch * len(wall) / sum(wall), 1),
        )

    def _skip(self, what: str, why: str) -> None:
        self.skipped.append(SkippedPart(what=what, why=why))


def sizes_of(inputs: Sequence[InputSpec]) -> tuple[InputSpec, ...]:
    """Of the sizes that a bundle was tested at: the first, and what a 16:9 picture gets."""
    return tuple(dict.fromkeys((inputs[0], suited(list(inputs), (1920, 1080)))))


def _run(network: Network, batch: Floats) -> float | None:
    if isinstance(network, EventTimed):
        return network.run_timed(batch)[1]
    network.run(batch)
    return None


def _noise(spec: InputSpec, batch: int) -> Floats:
    shape = batch, 3, spec.height, spec.width
    return np.random.default_rng(_SEED).random(shape, np.float32)


def _part(seconds: Sequence[float]) -> LatencyPart:
    found = asdict(Latency.of(seconds))
    return LatencyPart(**{name: round(value, 3) for name, value in found.items()})
