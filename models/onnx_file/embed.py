"""Embedding: weights that lie in files beside an ONNX file become part of it.

PyTorch 2.9 and later write `x.onnx` and `x.onnx.data`. Only tensors that lie outside are written
anew, everything else stays byte for byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.onnx_file.data_files import DataFiles
from models.onnx_file.messages import part_of
from models.onnx_file.references import outside_reference
from models.onnx_file.tensor import DATA_LOCATION, EXTERNAL_DATA, RAW_DATA, read_tensor
from models.onnx_file.wire import DamagedOnnxError, bytes_header, fields

if TYPE_CHECKING:
    from pathlib import Path

    from models.onnx_file.messages import Kind

    _Chunks = list[bytes | memoryview]


def read_onnx(path: Path, max_bytes: int) -> bytes:
    """An ONNX file with all its weights in it, also those that lie beside it.

    Args:
        path: the file.
        max_bytes: the largest that it may be, weights included.

    Raises:
        OSError: the file itself can't be read.
        ModelError: it or its weights are too large, missing, cut short, or outside of its folder.
    """
    with path.open("rb") as file:
        large = os.fstat(file.fileno()).st_size > max_bytes
        model = b"" if large else file.read(max_bytes + 1)
    if large or len(model) > max_bytes:
        raise ModelError(
            f"{path}: the model is larger than {max_bytes >> 20} MiB; export a smaller network"
        )
    if not model:
        raise ModelError(f"{path}: the model is empty; copy or download it again")
    try:
        if outside_reference(model) is None:
            return model
        beside = DataFiles(path, len(model), max_bytes)
        return b"".join(_embedded("ModelProto", memoryview(model), beside))
    except DamagedOnnxError as error:
        raise ModelError(f"{path}: can't load the model ({error})") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _embedded(kind: Kind, message: memoryview, beside: DataFiles) -> _Chunks:
    """A message in which no tensor lies outside, in pieces; `outside_reference` bounds its depth."""
    if kind == "TensorProto":
        return _tensor(message, beside)
    chunks: _Chunks = []
    for field in fields(message):
        if part := part_of(kind, field):
            inner = _embedded(part, field.content, beside)
            chunks += [bytes_header(field.number, sum(map(len, inner))), *inner]
        else:
            chunks.append(field.whole)
    return chunks


def _tensor(message: memoryview, beside: DataFiles) -> _Chunks:
    tensor = read_tensor(message)
    dropped, added = {EXTERNAL_DATA, DATA_LOCATION}, []
    if tensor.is_elsewhere:
        values = beside.values_of(tensor)
        dropped |= {RAW_DATA}
        added = [bytes_header(RAW_DATA, len(values)), values]
    return [*(field.whole for field in fields(message) if field.number not in dropped), *added]
