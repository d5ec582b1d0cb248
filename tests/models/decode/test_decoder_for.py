"""The manifest chooses the decoder."""

import json

import pytest

from models.decode import decoder_for
from models.decode.box_layouts import DetsDecoder, SsdDecoder, YoloxDecoder
from models.decode.rtmdet_ins import RtmdetInsDecoder
from models.decode.yolo_boxes import YoloBoxesDecoder
from models.decode.yolo_seg import YoloSegDecoder
from models.manifest import Manifest


@pytest.mark.parametrize(
    ("family", "layout", "decoder"),
    [
        ("yolo_seg", None, YoloSegDecoder),
        ("rtmdet_ins", None, RtmdetInsDecoder),
        ("boxes", "yolo", YoloBoxesDecoder),
        ("boxes", "dets", DetsDecoder),
        ("boxes", "yolox", YoloxDecoder),
        ("boxes", "ssd", SsdDecoder),
    ],
)
def test_each_family_and_layout_has_its_decoder(manifest, family, layout, decoder):
    fields = json.loads(manifest.to_bytes()) | {"family": family, "layout": layout}
    chosen = decoder_for(Manifest.from_bytes(json.dumps(fields).encode()))
    assert chosen == decoder(manifest.input, manifest.class_count)
