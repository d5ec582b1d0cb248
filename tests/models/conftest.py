"""Networks and bundles that tests make for themselves."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.bundle import write_bundle
from models.classes import ClassSpec
from models.input_spec import InputSpec
from models.manifest import Manifest, NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int64": 7, "float16": 10}  # onnx.TensorProto.DataType


def _varint(value: int) -> bytes:
    out, value = bytearray(), value & (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _value_info(name: str, dtype: str, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1 if isinstance(d, int) else 2, d)) for d in shape)
    tensor = _field(1, _ELEMENT_TYPES[dtype]) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor))


def onnx_file(
    outputs: Mapping[str, np.ndarray],
    *,
    shape: tuple[int | str, ...] = (1, 3, 64, 64),
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """An ONNX file of a network that takes an image and gives these outputs whatever it sees."""
    graph = _field(2, "constant") + _field(11, _value_info("image", dtype, shape))
    for name, array in outputs.items():
        tensor = b"".join(_field(1, size) for size in array.shape)
        tensor += _field(2, _ELEMENT_TYPES[array.dtype.name])
        tensor += _field(8, name + "_value") + _field(9, array.tobytes())
        node = _field(1, name + "_value") + _field(2, name) + _field(4, "Identity")
        info = _value_info(name, array.dtype.name, array.shape)
        graph += _field(5, tensor) + _field(1, node) + _field(12, info)
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
    for key, value in (metadata or {}).items():
        model += _field(14, _field(1, key) + _field(2, value))
    return model


@pytest.fixture(scope="session")
def make_onnx() -> Callable[..., bytes]:
    return onnx_file


@pytest.fixture(scope="session")
def model() -> bytes:
    """A YOLO segmentation network of two classes that sees nothing in its 64 px input."""
    return onnx_file(
        {
            "output0": np.zeros((1, 38, 84), np.float32),
            "output1": np.zeros((1, 32, 16, 16), np.float32),
        }
    )


@pytest.fixture
def manifest(model: bytes) -> Manifest:
    """What fits `model`."""
    return Manifest(
        name="street",
        version=3,
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=2,
        classes=(ClassSpec(id=0, name="person"), ClassSpec(id=1, name="car")),
        input=InputSpec(height=64, width=64),
        files={"fp32": NetworkSpec.of("model.onnx", model)},
    )


@pytest.fixture
def bundle_path(tmp_path: Path, manifest: Manifest, model: bytes) -> Path:
    """An unsigned bundle of `model`."""
    path = tmp_path / "street.sfm"
    write_bundle(path, manifest, {"fp32": model})
    return path
