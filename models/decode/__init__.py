"""Raw network outputs to instances: one file a family, chosen by the bundle's manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from models.decode.box_layouts import DetsDecoder, SsdDecoder, YoloxDecoder
from models.decode.rtmdet_ins import RtmdetInsDecoder
from models.decode.yolo_boxes import YoloBoxesDecoder
from models.decode.yolo_seg import YoloSegDecoder

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Outputs
    from models.instances import Instances
    from models.manifest import Manifest
    from models.preprocess import InputSpec, Letterbox


class Decoder(Protocol):
    """Reads what one network gives."""

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = ...,
        classes: Collection[int] | None = ...,
    ) -> Instances:
        """Instances in source pixels, best score first.

        Args:
            outputs: what one run of the network gave.
            fit: where the source image lies in the network's input.
            min_score: instances must score more than this (0 to 1).
            classes: the class ids that matter; None for all. What an object would score as
                another class does not count against it.

        Raises:
            FamilyError: shapes or values are not what the family promises.
            InferenceError: values are not finite.
        """
        ...


def decoder_for(manifest: Manifest, spec: InputSpec | None = None) -> Decoder:
    """The decoder of the manifest's family and layout.

    Args:
        manifest: of the network.
        spec: which of `manifest.inputs()` it is fed as; None for `manifest.input`.
    """
    fed = spec or manifest.input
    if manifest.family == "yolo_seg":
        return YoloSegDecoder(fed, manifest.class_count)
    if manifest.family == "rtmdet_ins":
        return RtmdetInsDecoder(fed, manifest.class_count)
    if manifest.layout == "yolo":
        return YoloBoxesDecoder(fed, manifest.class_count)
    if manifest.layout == "yolox":
        return YoloxDecoder(fed, manifest.class_count)
    if manifest.layout == "ssd":
        return SsdDecoder(fed, manifest.class_count)
    return DetsDecoder(fed, manifest.class_count)
