"""Proof: what a GPU makes of pictures is looked at before anything is left to it.

The kernels were compared with the CPU's code by another compiler and on no GPU. So each GPU is
given noise first, to scale, to hide and to make masks of, and frames are left to it only where it
does so as the CPU does.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from agent.cuda.painter import CudaPainter
from agent.cuda.picture import picture_on
from agent.frames.cpu_frame import CpuFrame
from agent.frames.cuda_frame import CudaFrame
from agent.frames.frame import Colour
from agent.redact.effect import Effect
from agent.redact.painter import CpuPainter
from agent.redact.patch import Patch
from models.errors import InferenceError, ModelError
from models.input_buffer import InputBuffer
from models.input_spec import InputSpec
from models.masks import masks_from_prototypes
from models.preprocess import Letterbox, rgb_from_yuv
from models.runtime.borrowed import borrowed
from models.runtime.cuda.network_input import feed
from models.runtime.cuda.prototype_masks import GpuMasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.frames.frame import Planes
    from agent.redact.painter import Painter
    from models.runtime.gpu import Gpu, GpuWork

_log = logging.getLogger(__name__)

Pixels = npt.NDArray[np.integer[Any]]

_SIZE = 161, 93
"""Odd, so that edges are computed, too."""

_EFFECTS = (Effect("blur"), Effect("pixelate"), Effect("solid", (250, 40, 90)))

_SPEC = InputSpec(height=64, width=96, std=(1.0, 1.0, 1.0))
"""Of a network that wants pixels as they are."""


_trusted: WeakKeyDictionary[Gpu, bool] = WeakKeyDictionary()


def is_trusted(gpu: Gpu) -> bool:
    """Whether a GPU passed its proof, which it is asked for once; a log says why it didn't."""
    if gpu not in _trusted:
        try:
            prove(gpu)
        except ModelError as error:
            _log.warning("frames are scaled and hidden on the CPU: %s", error)
            _trusted[gpu] = False
        else:
            _trusted[gpu] = True
    return _trusted[gpu]


def prove(gpu: Gpu) -> None:
    """Have a GPU do all that it may be left to do.

    Raises:
        ModelError: it fails, or does it otherwise than the CPU, or nothing compiles its kernels.
    """
    width, height = _SIZE
    random = np.random.default_rng(0)
    luma = random.integers(0, 256, (height, width), np.uint8)
    chroma = random.integers(0, 256, ((height + 1) // 2, (width + 1) // 2, 2), np.uint8)
    times = 0, 0, Fraction(1, 25), Colour("bt709", full_range=False)
    here = CpuFrame((luma, chroma), *times)
    with _lying_on(gpu, here) as there:
        for effect in _EFFECTS:
            ours = _hidden(CudaPainter(), there, effect)
            theirs = _hidden(CpuPainter(), here, effect)
            _check(f"hides by {effect.kind}", ours, theirs, 0 if effect.kind == "solid" else 16)
        _check("fetches a frame", there.fetched(), here.planes, 0)
        _check("feeds a network", _fed(gpu, there), _fed_by_cpu(here), 4)
    asked = _masks_asked(random)
    made, expected = (
        [mask.pixels for mask in maker(*asked)] for maker in (GpuMasks(gpu), masks_from_prototypes)
    )
    _check("makes masks", made, expected, 8)


def _check(what: str, ours: Sequence[Pixels], theirs: Sequence[Pixels], most: int) -> None:
    """Compare values of 0 to 255, of which other versions of OpenCV round some otherwise.

    Args:
        most: by how much they may be off: of blur and pixelate, one quantum; of masks, what 4.10
            makes of places that it rounds to a 32nd of a cell (6; 5.0 does not, and is off by 1).
    """
    off = max(
        int(np.abs(mine.astype(np.int16) - plane).max())
        for mine, plane in zip(ours, theirs, strict=True)
    )
    if off > most:
        raise InferenceError(
            f"the GPU {what} otherwise than the CPU, by {off} of 255; please report it, with the "
            "output of sfumato doctor"
        )


def _fed(gpu: Gpu, frame: CudaFrame) -> list[Pixels]:
    """What a network would be fed with, on the GPU."""
    fed = np.empty((1, 3, _SPEC.height, _SPEC.width), np.float32)

    def work(work: GpuWork) -> None:
        with borrowed(work, fed.nbytes) as address:
            feed(work, picture_on(frame), Letterbox.fit(frame.size, _SPEC), _SPEC, address)
            work.download(fed, address)

    gpu.do(work)
    return [np.nan_to_num(fed, nan=999, posinf=999).clip(0, 999).astype(np.uint16)]


def _fed_by_cpu(frame: CpuFrame) -> list[Pixels]:
    fit, colour = Letterbox.fit(frame.size, _SPEC), frame.colour
    rgb = rgb_from_yuv(frame.planes, fit.inner, colour.matrix, full_range=colour.full_range)
    return [InputBuffer(_SPEC).fill(rgb, fit).astype(np.uint16)]


def _masks_asked(random: np.random.Generator) -> tuple[Any, ...]:
    """Arguments of a `PrototypeMasks`: waves, and two rectangles that are worth the GPU's while."""
    rows, columns = np.mgrid[:40, :60]
    prototypes = np.stack([3 * np.sin(rows / (3 + i) + columns / (9 - i)) for i in range(8)])
    coefficients = random.normal(0, 1, (2, 8)).astype(np.float32)
    size, spec = (600, 400), InputSpec(height=160, width=240)
    rectangles = [(0, 0, 600, 400), (51, 33, 500, 391)]
    fit = Letterbox.fit(size, spec)
    return prototypes.astype(np.float32), coefficients, rectangles, fit, (4.0, 4.0)


def _hidden(painter: Painter, frame: CpuFrame | CudaFrame, effect: Effect) -> Planes:
    """The frame with two patches hidden, and hidden whole."""
    width, height = _SIZE
    disc = np.hypot(*np.ogrid[-1:1:61j, -1:1:70j]) < 1
    patches = (
        Patch(31, 17, disc.astype(np.uint8) * np.uint8(255), effect),
        Patch(width - 40, height - 30, np.full((50, 60), 255, np.uint8), effect),
    )
    shown = painter.patched(frame, patches, "mask", effect.rgb)
    return (*shown, *painter.whole(frame, effect))


@contextmanager
def _lying_on(gpu: Gpu, frame: CpuFrame) -> Iterator[CudaFrame]:
    """A copy of a frame on the GPU, with rows that are longer than it is wide."""
    width, height = frame.size
    pitch = width + 31
    rows = height + len(frame.planes[1])
    memory = np.zeros((rows, pitch), np.uint8)
    memory[:height, :width] = frame.planes[0]
    memory[height:, : width + width % 2] = frame.planes[1].reshape(rows - height, -1)

    def put(work: GpuWork) -> int:
        address = work.alloc(memory.nbytes)
        work.upload(address, memory)
        return address

    address = gpu.do(put)
    try:
        yield CudaFrame(
            gpu=gpu,
            luma=address,
            chroma=address + height * pitch,
            pitch=pitch,
            size=frame.size,
            owner=None,
            index=frame.index,
            pts=frame.pts,
            time_base=frame.time_base,
            colour=frame.colour,
        )
    finally:
        gpu.do(lambda work: work.free(address))
