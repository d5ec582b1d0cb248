"""Files: one student in every precision, from one set of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.quantize.bias import corrected
from distill.quantize.half_compute import half_computed
from distill.quantize.insert import quantised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distill.quantize.histograms import Range
    from distill.quantize.insert import Eight
    from distill.quantize.ranges import Batches
    from models.manifest import Role

EIGHT: tuple[Eight, ...] = ("uint8", "int8")


def made_files(
    model: bytes,
    ranges: Mapping[str, Range],
    batches: Batches,
    class_outputs: Sequence[str],
) -> Iterator[tuple[Role, bytes]]:
    """FP16, UINT8 and INT8, one after the other; the two of eight bits with corrected class logits.

    Args:
        model: an ONNX file in FP32.
        ranges: of its tensors.
        batches: what the class logits are corrected on.
        class_outputs: names of the outputs that are class logits.

    Raises:
        InputError: no frame can be read.
        ModelError: the network can't be made one of these.
    """
    yield "fp16", half_computed(model)
    for role in EIGHT:
        yield role, corrected(quantised(model, ranges, role), model, batches, class_outputs)
