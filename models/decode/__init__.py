"""Raw network outputs to instances: one file a family, chosen by the bundle's manifest.

Only that file is imported: all of them take 10 ms, which every start would wait for.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Outputs
    from models.input_spec import InputSpec
    from models.instances import Instances
    from models.manifest import Manifest
    from models.preprocess import Letterbox


class Decoder(Protocol):
    """Reads what one network gives."""

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = ...,
        classes: Collection[int] | None = ...,
        sought: Collection[Collection[int]] = ...,
    ) -> Instances:
        """Instances in source pixels, best score first.

        Args:
            outputs: what one run of the network gave.
            fit: where the source image lies in the network's input.
            min_score: instances must score more than this (0 to 1).
            classes: the class ids that matter; None for all. What an object would score as
                another class does not count against it.
            sought: groups of class ids beside. What scores enough as one of a group is given as
                the best of that group, too, where a class beyond it scores higher: a network that
                takes a dog for a sheep by 0.50 to 0.44 has seen a dog. Not where the network
                itself gives each object one class (`dets`, `ssd`, heads without NMS).

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
    fed, classes = spec or manifest.input, manifest.class_count
    if manifest.family == "yolo_seg":
        from models.decode.yolo_seg import YoloSegDecoder

        return YoloSegDecoder(fed, classes)
    if manifest.family == "rtmdet_ins":
        from models.decode.rtmdet_ins import RtmdetInsDecoder

        return RtmdetInsDecoder(fed, classes)
    if manifest.layout == "yolo":
        from models.decode.yolo_boxes import YoloBoxesDecoder

        return YoloBoxesDecoder(fed, classes)
    from models.decode.box_layouts import DetsDecoder, SsdDecoder, YoloxDecoder

    if manifest.layout == "yolox":
        return YoloxDecoder(fed, classes)
    if manifest.layout == "ssd":
        return SsdDecoder(fed, classes)
    return DetsDecoder(fed, classes)
