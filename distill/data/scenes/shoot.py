"""Shoot: a scene becomes files, images and perhaps a video, and a line that describes them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2

from distill.data import rle
from distill.data.scenes.render import RATE, Instance, Rendered, render_clip, render_scene

if TYPE_CHECKING:
    from pathlib import Path

Line = dict[str, Any]
"""JSON: `index` of the scene, its `images` with `file`, `crc` and `objects`, and its `video`."""

FORMAT = "sfumato-synth 1"

_QUALITY = 95
_FOLDER_IMAGES = 500
"""Images in one folder."""

_MIN_VISIBLE, _MIN_PX = 0.1, 24
"""A smaller part of an object, or of fewer pixels, is a region where nothing counts: nobody could
say what it is. Chosen, not measured."""


@dataclass(frozen=True)
class SynthRun:
    """What to render.

    Attributes:
        frames: of each clip; 0 for single images.
        size: width, height.
        video: each clip also as MP4.
    """

    folder: Path
    domain: str
    seed: int
    size: tuple[int, int]
    frames: int
    video: bool

    @property
    def identity(self) -> Line:
        """Two runs with the same one may share a folder; a longer one then extends a shorter."""
        return {
            "format": FORMAT,
            "domain": self.domain,
            "seed": self.seed,
            "size": list(self.size),
            "frames": self.frames,
            "video": self.video,
        }


def shoot(run: SynthRun, index: int) -> Line:
    """Render a scene, write its files, and describe them."""
    if not run.frames:
        name = f"images/{index // _FOLDER_IMAGES:04d}/{index:06d}.jpg"
        rendered = render_scene(run.seed, run.domain, index, run.size)
        return {"index": index, "video": {}, "images": [_write_image(run.folder, name, rendered)]}
    clip = f"clip-{index:04d}"
    movie = _Movie(run.folder / "videos" / f"{clip}.mp4", run.size) if run.video else None
    images = []
    for frame, rendered in enumerate(
        render_clip(run.seed, run.domain, index, run.size, run.frames)
    ):
        images.append(_write_image(run.folder, f"images/{clip}/{frame:06d}.jpg", rendered))
        if movie is not None:
            movie.add(rendered.image)
    video = {f"videos/{clip}.mp4": movie.close()} if movie is not None else {}
    return {"index": index, "video": video, "images": images}


def _write_image(folder: Path, name: str, rendered: Rendered) -> Line:
    bgr = rendered.image[..., ::-1]
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    _put(folder / name, data)
    return {
        "file": name,
        "crc": zlib.crc32(data),
        "objects": [_object(instance) for instance in rendered.instances],
    }


def _put(path: Path, data: bytes) -> None:
    """A file under its name is whole; no fsync, the log's checksums find what was lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    temporary.replace(path)


def _object(instance: Instance) -> Line:
    packed = rle.encode(instance.mask)
    unclear = instance.visible < _MIN_VISIBLE or rle.area(packed) < _MIN_PX
    return {
        "class": instance.class_id,
        "track": instance.track_id,
        "counts": packed.counts,
        "ignore": bool(unclear),
    }


class _Movie:
    """H.264 in MP4, in place once it is whole."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._temporary = path, path.with_name(f".{path.name}")
        self._container = av.open(str(self._temporary), "w", format="mp4")
        # One thread, or the bytes depend on how many cores there are.
        options = {"crf": "18", "threads": "1"}
        self._stream = self._container.add_stream("libx264", rate=RATE, options=options)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, RATE)

    def add(self, image: Any) -> None:
        """The next frame, RGB uint8 [h, w, 3]."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> int:
        """Finish the file; its checksum."""
        self._container.mux(self._stream.encode())
        self._container.close()
        self._temporary.replace(self._path)
        return zlib.crc32(self._path.read_bytes())
