"""Feeding: the size at which a network is fed, and what reads its answer then."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from models.decode import decoder_for
from models.errors import BundleError
from models.input_size import suited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.decode import Decoder
    from models.input_spec import InputSpec
    from models.manifest import Manifest, Size

_SHAPES_KEPT = 64
"""Sizes of pictures that are remembered. Chosen, not measured: more than one agent has streams."""


@dataclass(frozen=True, slots=True)
class Feeding:
    """One way of feeding a network.

    Attributes:
        spec: what it is fed.
        decoder: reads what it gives then.
    """

    spec: InputSpec
    decoder: Decoder


class Feedings:
    """All ways of feeding one network.

    Attributes:
        suited: the way that suits a picture of (width, height) pixels; may be called from several
            threads at once.
    """

    def __init__(self, ways: Sequence[Feeding]) -> None:
        self._ways = {way.spec: way for way in ways}
        self.suited: Callable[[tuple[int, int]], Feeding] = lru_cache(_SHAPES_KEPT)(self._suited)

    @classmethod
    def of(cls, manifest: Manifest) -> Feedings:
        """All that a bundle was tested with."""
        return cls([Feeding(spec, decoder_for(manifest, spec)) for spec in manifest.inputs()])

    def at(self, size: Size | None) -> Feeding:
        """The way of feeding it at a (width, height); None for the first.

        Raises:
            BundleError: it was not tested at this size.
        """
        for spec, way in self._ways.items():
            if size is None or size == (spec.width, spec.height):
                return way
        raise BundleError(f"the network was not tested at {'x'.join(map(str, size or ()))}")

    def _suited(self, source: tuple[int, int]) -> Feeding:
        return self._ways[suited([*self._ways], source)]
