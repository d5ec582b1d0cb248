"""Bars: in words, what a network spends on them, and how to get one that doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.manifest import Manifest

_WIDE = 1920, 1080

_WORTH_SAYING = 0.2
"""Least share of bars. Chosen, not measured: less than a network of 4:3 has on 16:9 (a quarter)."""


def wasted_on_bars(manifest: Manifest) -> str | None:
    """What share of a network's work on 16:9 is bars, and what to do about it; None: little."""
    from models.input_size import bars, shaped, suited

    share = bars(suited(manifest.inputs(), _WIDE), _WIDE)
    if share < _WORTH_SAYING:
        return None
    own, (width, height) = manifest.input, shaped(manifest.input, _WIDE)
    sizes = f"--size {own.width}x{own.height} --size {width}x{height}"
    if manifest.family != "boxes" and manifest.outputs:  # known by their names: our own export
        way = f"pack its weights with `sfumato-distill pack {sizes}`"
    elif manifest.family == "yolo_seg" or manifest.layout == "yolo":
        way = f"export it with imgsz={height},{width}, or with dynamic=True and import that with {sizes}"
    else:
        way = f"import one made for {width}x{height}, or one that takes any size, with {sizes}"
    return f"{share * 100:.0f} % of its work on 16:9 is bars; {way}"
