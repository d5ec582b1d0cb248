"""Sizes of RTMDet-Ins by name (`configs/rtmdet/rtmdet-ins_*_8xb32-300e_coco.py`, mmdetection)."""

from __future__ import annotations

from dataclasses import dataclass

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three levels."""

_STAGE_BLOCKS = (3, 6, 6, 3)
_STAGE_CHANNELS = (64, 128, 256, 512, 1024)
_NECK_BLOCKS = 3
_HEAD_CHANNELS = 256


@dataclass(frozen=True, slots=True)
class Size:
    """How deep and how wide a network is, as shares of the size l."""

    name: str
    deepen: float
    widen: float

    @property
    def stage_blocks(self) -> tuple[int, ...]:
        """CSPNeXt blocks of the four backbone stages."""
        return tuple(max(round(blocks * self.deepen), 1) for blocks in _STAGE_BLOCKS)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the stem and of the four stages."""
        return tuple(int(channels * self.widen) for channels in _STAGE_CHANNELS)

    @property
    def stem_channels(self) -> int:
        """Channels of the stem's first two convolutions."""
        return int(_STAGE_CHANNELS[0] * self.widen // 2)

    @property
    def neck_blocks(self) -> int:
        """CSPNeXt blocks of each layer of the neck."""
        return max(round(_NECK_BLOCKS * self.deepen), 1)

    @property
    def head_channels(self) -> int:
        """Channels of each level that the head reads."""
        return int(_HEAD_CHANNELS * self.widen)


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 0.167, 0.375),
        Size("s", 0.33, 0.5),
        Size("m", 0.67, 0.75),
        Size("l", 1.0, 1.0),
        Size("x", 1.33, 1.25),
    )
}
