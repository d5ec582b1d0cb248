"""What the network sees in a clip, once for all settings that are compared on it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import models
from agent.blur import detector_of
from agent.track.tracker import WEAK_SHARE
from agent.video.file_source import FileSource
from models.instances import Instances, Mask

if TYPE_CHECKING:
    from agent.frames.frame import Frame
    from agent.settings import BlurSettings
    from models.bundle import Bundle


class Remembered:
    """A detector (`agent.detect.detector.Detector`) that gives what was seen before."""

    def __init__(self, seen: list[Instances]) -> None:
        self.seen = seen

    def above(self, score: float) -> Remembered:
        """The same network, asked for less."""
        return Remembered([s.take(np.flatnonzero(s.scores > score)) for s in self.seen])

    def detect(self, frame: Frame) -> Instances:
        """What the network saw in the frame of this index."""
        return self.seen[frame.index]


def look(clip: Path, bundle: Bundle, settings: BlurSettings, store: Path | None) -> Remembered:
    """Run the network on every frame of a clip, or take what an earlier run stored.

    Args:
        store: folder for results; they are found again only by the same network, clip and code.
    """
    if store is None:
        return Remembered(_see(clip, bundle, settings))
    store.mkdir(parents=True, exist_ok=True)
    path = store / f"{clip.stem}-{_key(clip, bundle, settings)}.npz"
    if not path.exists():
        _write(path, _see(clip, bundle, settings))
    return Remembered(_read(path))


def _see(clip: Path, bundle: Bundle, settings: BlurSettings) -> list[Instances]:
    detector = detector_of(bundle, settings)
    with FileSource(clip) as video, ThreadPoolExecutor(settings.workers) as workers:
        return list(workers.map(detector.detect, video))


def _key(clip: Path, bundle: Bundle, settings: BlurSettings) -> str:
    digest = hashlib.sha256(clip.read_bytes())
    sources = sorted(Path(models.__file__).parent.rglob("*.py"))
    for part in (
        next(iter(bundle.manifest.files.values())).sha256,  # manifests carry the time of import
        str((settings.conf, WEAK_SHARE)),
        *(source.read_text() for source in sources),
    ):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


def _write(path: Path, seen: list[Instances]) -> None:
    masks = [mask for one in seen for mask in one.masks or ()]
    pixels = [mask.pixels.ravel() for mask in masks]
    np.savez(
        path,
        counts=[len(one) for one in seen],
        boxes=np.concatenate([one.boxes for one in seen]),
        scores=np.concatenate([one.scores for one in seen]),
        classes=np.concatenate([one.classes for one in seen]),
        places=np.array([(m.x, m.y, *m.pixels.shape) for m in masks], np.int64).reshape(-1, 4),
        pixels=np.concatenate([*pixels, np.empty(0, np.uint8)]),
    )


def _read(path: Path) -> list[Instances]:
    with np.load(path, allow_pickle=False) as stored:
        parts = {name: stored[name] for name in stored.files}
    sizes = parts["places"][:, 2:].prod(axis=1)
    rasters = np.split(parts["pixels"], np.cumsum(sizes)[:-1]) if len(sizes) else []
    masks = [
        Mask(int(x), int(y), raster.reshape(height, width))
        for (x, y, height, width), raster in zip(parts["places"], rasters, strict=True)
    ]
    ends = np.cumsum(parts["counts"]).tolist()
    return [
        Instances(
            parts["boxes"][start:end],
            parts["scores"][start:end],
            parts["classes"][start:end],
            tuple(masks[start:end]),
        )
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
