"""Label Studio's shapes: brush, polygon, ellipse and rectangle, to masks.

All but the brush are in percent of the image; an angle is in degrees, clockwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from distill.data import rle as run_length
from distill.data.brush import unpack_brush
from distill.data.segmentation import UnusableError, is_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from distill.data.rle import Rle
    from distill.data.segmentation import Size

_ELLIPSE_CORNERS = 90
_MAX_VALUE = 1000.0
"""Of a number in a shape, percent or degrees: it may reach beyond its image, not far beyond.
Chosen, not measured."""
_MAX_DIFFERENCE = 0.02
"""By this share may width over height differ where an image was made smaller; chosen: a pixel of 50."""


def check_proportions(region: dict[str, Any], size: Size) -> None:
    """See that a region was drawn on an image of the same proportions; percent fit any size.

    Raises:
        UnusableError: it was not.
    """
    width, height = region.get("original_width"), region.get("original_height")
    if not is_number(width) or not is_number(height) or not width > 0 < height:
        return
    if abs(width * size[0] / (height * size[1]) - 1) > _MAX_DIFFERENCE:
        raise UnusableError(
            f"was drawn on an image of {width:g}x{height:g} pixels, which has "
            f"{size[1]}x{size[0]} in the data set"
        )


def is_shape(value: dict[str, Any]) -> bool:
    """Whether a region's `value` is a shape that can be read, and not, say, a choice."""
    return any(map(value.__contains__, _EDGES)) or is_rectangle(value)


def is_somewhere(value: dict[str, Any]) -> bool:
    """Whether a region's `value` says that something is there, in whatever shape.

    Key points, vectors and bit masks, say: all have labels under a name of their own, or a place.
    """
    return any(key.endswith("labels") for key in value) or not _PLACES.isdisjoint(value)


def is_rectangle(value: dict[str, Any]) -> bool:
    """Whether a shape says that something is there, but not where its edge is."""
    labelled = "rectanglelabels" in value or "labels" in value
    return labelled and not any(map(value.__contains__, _EDGES))


def mask_of(value: dict[str, Any], size: Size) -> Rle:
    """The mask of a shape.

    Args:
        value: what stands in the file.
        size: of the image.

    Raises:
        UnusableError: it is damaged.
    """
    read = next((read for key, read in _EDGES.items() if key in value), _rectangle)
    return read(value, size)


def _brush(value: dict[str, Any], size: Size) -> Rle:
    try:
        return run_length.encode(unpack_brush(value["rle"], size))
    except ValueError as error:
        raise UnusableError(f"can't be read: {error}") from error


def _polygon(value: dict[str, Any], size: Size) -> Rle:
    points = value["points"]
    if not isinstance(points, list) or len(points) < 3 or not all(map(_is_point, points)):
        raise UnusableError("has no polygon of three points or more")
    return _filled(np.array(points, np.float64) * _pixels(size), size)


def _rectangle(value: dict[str, Any], size: Size) -> Rle:
    """Turned about its upper left corner."""
    x, y, wide, high = _numbers(value, "x", "y", "width", "height")
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)])
    return _filled(_turned(value, corners * _pixels(size)) + (x, y) * _pixels(size), size)


def _ellipse(value: dict[str, Any], size: Size) -> Rle:
    """Turned about its middle."""
    x, y, across, down = _numbers(value, "x", "y", "radiusX", "radiusY")
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    corners = np.stack([across * np.cos(angles), down * np.sin(angles)], axis=1)
    return _filled(_turned(value, corners * _pixels(size)) + (x, y) * _pixels(size), size)


def _turned(
    value: dict[str, Any], corners: npt.NDArray[np.float64]
) -> npt.NDArray[np.floating[Any]]:
    """Corners in pixels from a point, turned about it."""
    (degrees,) = _numbers({"rotation": 0, **value}, "rotation")
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned: npt.NDArray[np.floating[Any]] = corners @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def _filled(corners: npt.NDArray[np.floating[Any]], size: Size) -> Rle:
    inside = corners.clip(0, size[::-1])
    return run_length.from_polygons([inside.ravel().tolist()], size)


def _pixels(size: Size) -> npt.NDArray[np.float64]:
    """Pixels a percent, across and down."""
    return np.array(size[::-1]) / 100


_PLACES = frozenset({"x", "points", "vertices", "rle", "imageDataURL", "sequence"})
_EDGES = {"rle": _brush, "points": _polygon, "radiusX": _ellipse, "ellipselabels": _ellipse}
"""What a shape has that says where its edge is, and how it is read."""


def _numbers(value: dict[str, Any], *names: str) -> list[float]:
    found = [value.get(name) for name in names]
    numbers = [float(number) for number in found if is_number(number) and abs(number) <= _MAX_VALUE]
    if len(numbers) < len(names):
        raise UnusableError(f"has no {', '.join(names)}")
    return numbers


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
