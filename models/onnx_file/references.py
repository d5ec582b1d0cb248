"""References: what a network would take from outside of its own bytes.

A bundle's signature covers what is in it. A file that a runtime reads beside it, in whatever
folder it was started, is covered by nothing.
"""

from __future__ import annotations

from models.onnx_file.messages import every_field
from models.onnx_file.tensor import DATA_LOCATION, EXTERNAL_DATA, read_tensor

IMPORT_AGAIN = (
    "only what is in a bundle may run: export it as plain ONNX, and import it with "
    "`sfumato model import` where its other files lie beside it"
)
"""What to do about it."""

_OP_TYPE = 4
"""Field of `NodeProto`."""

_COMPILED = b"EPContext"
"""A node that stands for a network compiled for one accelerator, in another file or in place
(https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html)."""


def outside_reference(model: bytes) -> str | None:
    """What of a network is not in its bytes, in words that go on after "the network"; or None.

    Raises:
        DamagedOnnxError: it is damaged, or no ONNX file.
    """
    for kind, field in every_field(model):
        if kind == "TensorProto":
            # A place that is named but not used is refused as well: who reads it may see it otherwise.
            if field.number == EXTERNAL_DATA or (field.number == DATA_LOCATION and field.varint):
                place = read_tensor(field.message).external.get("location", "")[:80]
                return f"keeps its weights in another file ({place!r})"
        elif kind == "NodeProto" and field.number == _OP_TYPE and field.content == _COMPILED:
            return "was compiled for one accelerator (it has a node EPContext)"
    return None
