"""FastestFile: of a bundle's files on one runtime, each tested, the one that takes least time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from models.decode import decoder_for
from models.errors import ModelError
from models.preprocess import preprocess
from models.runtime.backend import ORDER
from models.runtime.candidate import MOST_LETTERS, Candidacy
from models.runtime.files import unlike_expected
from models.runtime.trial import WINS_BY, least_times

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Role
    from models.runtime.backend import Backend
    from models.runtime.candidate import Choice, Outcome
    from models.runtime.network import Network

_REFERENCES: tuple[Role, ...] = ("fp32", "fp16", *ORDER)
"""What others have to be faster than, the first that passes: the nearest to what was trained."""

_TRIAL_SCORE = 0.001
"""Chosen, not measured: so low that even a grey image may give something to decode."""


class FastestFile:
    """All of a runtime's candidates, one after the other, then beside each other.

    They are timed at the manifest's first input: how much faster one is than another hardly depends
    on the size (uint8 2.1 times at 320 px, 2.2 at 640).

    Args:
        threads: of a run.
    """

    def __init__(self, bundle: Bundle, backend: Backend, threads: int) -> None:
        self._bundle, self._backend, self._threads = bundle, backend, threads
        grey = np.full((480, 640, 3), 128, np.uint8)
        self._fed, self._fit = preprocess(grey, bundle.manifest.input)
        self._networks: dict[Role, Network] = {}
        self._said: dict[Role, Candidacy] = {}

    @property
    def choice(self) -> Choice:
        """What became of each file."""
        return tuple(self._said[role] for role in ORDER if role in self._said)

    def run(self) -> Network | None:
        """The network that is to run, and the others are closed; None where there is none.

        There is none, either, where fp32 itself does not see what was trained: what the others
        see may be right by chance.

        Raises:
            BundleError: golden frames that can't be read.
        """
        there = self._backend.roles(self._bundle.manifest)
        for role in there:
            self._admit(role)
        if len(there) > 1 or not self._backend.on_cpu:
            self._decode_grey()
        fp32 = self._said.get("fp32")
        if not self._networks or (fp32 and fp32.outcome == "refused"):
            for network in self._networks.values():
                network.close()
            return None
        best = self._fastest()
        for role in [role for role in self._networks if role != best]:
            self._networks.pop(role).close()
        return self._networks[best]

    def _say(self, role: Role, outcome: Outcome, said: str) -> None:
        self._said[role] = Candidacy(role, outcome, said[:MOST_LETTERS], self._backend.name)

    def _drop(self, role: Role, said: str) -> None:
        self._networks.pop(role).close()
        self._say(role, "refused", f"refused: {said}")

    def _admit(self, role: Role) -> None:
        """Load a network, and have it look at the golden frames."""
        try:
            self._networks[role] = self._backend.load(self._bundle, role, self._threads)
        except ModelError as error:
            self._say(role, "broken", str(error))
            return
        if (line := unlike_expected(self._bundle, self._networks[role])) is not None:
            self._drop(role, line)

    def _decode_grey(self) -> None:
        """Have each see a grey picture: warm for the trial, and refused where that can't be read."""
        decoder = decoder_for(self._bundle.manifest)
        for role, network in list(self._networks.items()):
            try:
                decoder.decode(network.run(self._fed), self._fit, min_score=_TRIAL_SCORE)
            except ModelError as error:
                self._drop(role, f"a grey picture: {error}")

    def _fastest(self) -> Role:
        """The reference, or what is faster than it by enough; says of each how fast it is."""
        reference = next(role for role in _REFERENCES if role in self._networks)
        tested = "passes" if self._bundle.manifest.golden_files else "untested (no golden frames)"
        gains = self._gains(reference) if len(self._networks) > 1 else {}
        faster = [role for role in ORDER if gains.get(role, 0.0) >= WINS_BY]
        best = max(faster, key=gains.__getitem__, default=reference)
        for role in self._networks:
            gain = "" if role == reference else f", {gains[role]:.2f}x"
            self._say(role, "chosen" if role == best else "passed", f"{tested}{gain}")
        return best

    def _gains(self, reference: Role) -> dict[Role, float]:
        """How much faster than the reference each of the others is."""
        roles = list(self._networks)
        runs = [partial(self._networks[role].run, self._fed) for role in roles]
        # Of several threads that share a run the caller's is one, and of a GPU's work it does none.
        alone = self._threads == 1 and self._backend.on_cpu
        times = least_times(runs, cost=time.thread_time if alone else time.perf_counter)
        took = dict(zip(roles, times, strict=True))
        return {role: took[reference] / took[role] for role in roles if role != reference}
