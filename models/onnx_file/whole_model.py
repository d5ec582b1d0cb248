"""WholeModel: an ONNX file that is whole in its own bytes, so that nobody looks for that twice.

Looking takes 11 ms for YOLOv8n-seg in 8 bits, at every start: who verifies a bundle looks, and
who loads a network of it need not.
"""

from __future__ import annotations

from models.errors import ModelError
from models.onnx_file.references import IMPORT_AGAIN, outside_reference

_SEAL = object()


class OutsideError(ModelError):
    """A network would take something from outside of its own bytes."""


class WholeModel:
    """Bytes of which `of` saw that they need nothing else.

    Attributes:
        data: the ONNX file.
    """

    __slots__ = ("data",)

    def __init__(self, seal: object, data: bytes) -> None:
        if seal is not _SEAL:
            raise TypeError("a WholeModel is made by WholeModel.of, which looks into it")
        self.data = data

    @classmethod
    def of(cls, data: bytes) -> WholeModel:
        """Look into an ONNX file.

        Raises:
            OutsideError: something of it lies elsewhere, in words that go on after "the network".
            DamagedOnnxError: it is damaged, or no ONNX file.
        """
        if outside := outside_reference(data):
            raise OutsideError(f"{outside}; {IMPORT_AGAIN}")
        return cls(_SEAL, data)
