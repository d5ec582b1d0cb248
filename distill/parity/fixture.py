"""Fixture: tensors of the original RTMDet-Ins on weights and inputs that formulas give.

An `.npz` made by OpenMMLab's own code holds samples of its tensors, but no weights: both sides
compute the same from their keys.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from distill.errors import InputError
from distill.files import reading
from distill.parity.formula import formula_image, formula_weight
from distill.parity.sampled import Sampled
from models.nets.sizes import SIZES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    Image = npt.NDArray[np.uint8]
    Variant = Literal["plain", "calib"]

_NATURAL = "nat.png"


class Fixture:
    """One file, open for reading.

    Args:
        path: the `.npz`; images that are no formula lie beside it.

    Raises:
        InputError: it can't be read, or is no fixture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Image] = {}
        try:
            with reading(path), zipfile.ZipFile(path), np.load(path) as file:
                self._arrays: dict[str, npt.NDArray[Any]] = {key: file[key] for key in file.files}
            meta = json.loads(str(self._arrays["meta"]))
            self.size, self.classes = str(meta["size"]), int(meta["nc"])
            self.plain_bias = float(meta["plain_cls_bias"])
            self.parameters = int(self._arrays["n_params"])
            keys = [str(key) for key in self._arrays["sd_keys"]]
            shapes = [str(shape) for shape in self._arrays["sd_shapes"]]
            self.shapes = {
                key: tuple(int(n) for n in shape.split("x")) if shape else ()
                for key, shape in zip(keys, shapes, strict=True)
            }
            self._canonical = dict(
                zip(keys, (str(key) for key in self._arrays["sd_canon"]), strict=True)
            )
        except (KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(
                f"{path}: is no parity fixture (an .npz of reference tensors)"
            ) from error
        if self.size not in SIZES:
            raise InputError(f"{path}: was made with size {self.size!r}, which does not exist here")
        suffix = "/cls_bias"
        self.images = [key[: -len(suffix)] for key in self._arrays if key.endswith(suffix)]

    def has(self, name: str) -> bool:
        """Whether a tensor, or a plain array, of this name is kept."""
        return name in self._arrays or f"{name}/idx" in self._arrays

    def names(self, prefix: str) -> list[str]:
        """What kept tensors and arrays are called behind this prefix."""
        found = (key[len(prefix) :] for key in self._arrays if key.startswith(prefix))
        parts = ("/shape", "/stat", "/idx", "/val")
        return list(dict.fromkeys(n.rsplit("/", 1)[0] if n.endswith(parts) else n for n in found))

    def array(self, name: str) -> npt.NDArray[Any]:
        """An array that is kept whole.

        Raises:
            InputError: the file has none of this name.
        """
        if name not in self._arrays:
            raise InputError(f"{self._path}: is damaged, it lacks {name}")
        return self._arrays[name]

    def reference(self, name: str) -> Sampled:
        """A tensor of which samples are kept."""
        _, _, low, high = self.array(f"{name}/stat")
        return Sampled(
            tuple(int(n) for n in self.array(f"{name}/shape")),
            max(abs(float(low)), abs(float(high))),
            self.array(f"{name}/idx").astype(np.int64),
            self.array(f"{name}/val"),
        )

    def class_bias(self, image: str) -> float:
        """What `rtm_cls` has for a bias where this image is looked at."""
        return float(self.array(f"{image}/cls_bias"))

    def input_sha256(self, image: str) -> str:
        """Of the resized and padded uint8 [H, W, 3] image."""
        return str(self.array(f"{image}/pre_u8_sha256"))

    def padded_shape(self, image: str) -> tuple[int, int]:
        """Height and width of the network's input."""
        height, width = self._meta(image)["pad_shape"]
        return int(height), int(width)

    def image(self, name: str) -> Image:
        """An image before the pipeline: uint8 [h, w, 3] BGR.

        Raises:
            InputError: it is a photograph that does not lie beside the fixture.
        """
        if name not in self._seen:  # it is asked for with every mask
            self._seen[name] = self._read(name)
        return self._seen[name]

    def mask_pixels(
        self, image: str, instance: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Flat indices of pixels of the image, and whether the instance's mask holds them."""
        packed = f"{image}/masks_packed"
        if packed in self._arrays:
            height, width = self.image(image).shape[:2]
            index, bits = np.arange(height * width), self.array(packed)[instance]
        else:
            index = self.array(f"{image}/mask_pix_idx").astype(np.int64)
            bits = self.array(f"{image}/mask_pix_packed")[instance]
        return index, np.unpackbits(bits)[: len(index)].astype(bool)

    def state_dict(
        self, variant: Variant, class_bias: float | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Every weight of the network by its key, those that share storage included.

        Args:
            variant: `plain`, or `calib`, whose batch norms hold statistics from the file.
            class_bias: of `rtm_cls`; the fixture's own for `plain`.
        """
        bias = self.plain_bias if class_bias is None else class_bias
        drawn: dict[str, npt.NDArray[Any]] = {}
        for key, canonical in self._canonical.items():
            if canonical not in drawn:
                drawn[canonical] = self._weight(canonical, self.shapes[key], variant, bias)
        return {key: drawn[canonical] for key, canonical in self._canonical.items()}

    def wrong_weights(self) -> int:
        """How many weights differ from those that the file was made with."""
        state = self.state_dict("calib", self.class_bias("formula"))
        stored = zip(self._canonical, self.array("sd_crc32"), strict=True)
        return sum(
            zlib.crc32(np.ascontiguousarray(state[k]).tobytes()) != int(c) for k, c in stored
        )

    @cached_property
    def _statistics(self) -> dict[str, npt.NDArray[np.float32]]:
        keys = [str(key) for key in self.array("bn_keys")]
        ends = np.cumsum([self.shapes[key][0] for key in keys])
        parts = np.split(self.array("bn_stats").astype(np.float32), ends[:-1])
        return dict(zip(keys, parts, strict=True))

    def _weight(
        self, key: str, shape: tuple[int, ...], variant: Variant, class_bias: float
    ) -> npt.NDArray[Any]:
        statistics = key.endswith((".running_mean", ".running_var"))
        if statistics and variant == "calib":
            return self._statistics[key]
        return formula_weight(key, shape, class_bias, shift=variant == "calib")

    def _meta(self, image: str) -> dict[str, Any]:
        meta: dict[str, Any] = json.loads(str(self.array(f"{image}/meta")))
        return meta

    def _read(self, name: str) -> Image:
        if not name.startswith("nat"):
            height, width = self._meta(name)["ori_shape"]
            return formula_image(int(height), int(width))
        photograph = cv2.imread(str(self._path.with_name(_NATURAL)))
        if photograph is None:
            raise InputError(f"{self._path.with_name(_NATURAL)}: the fixture needs this image")
        return np.asarray(photograph, np.uint8)
