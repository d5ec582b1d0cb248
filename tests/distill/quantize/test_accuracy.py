"""A real network in sixteen and in eight bits sees what it saw, within what is demanded."""

from datetime import datetime, timezone

import pytest

from distill.data.images import read_rgb
from distill.pack.student import read_student
from distill.quantize.bias import corrected
from distill.quantize.bounds import DEFAULTS
from distill.quantize.half_compute import half_computed
from distill.quantize.insert import quantised
from distill.quantize.judge import REFERENCE, Judge
from distill.quantize.measures import figures
from distill.quantize.ranges import collect_ranges
from models.classes import class_specs
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.manifest import Manifest, NetworkSpec
from models.preprocess import preprocess

pytestmark = pytest.mark.slow

CONFIDENCE = 0.25
SCORES = [name for name in RAW_OUTPUTS if name.startswith("classes_")]


@pytest.fixture(scope="module")
def seen(yolo, data):
    """Figures of YOLOv8n-seg at 320 px: calibrated on 40 images, judged on 40 others."""
    paths = sorted((data / "coco128-seg" / "images").rglob("*.jpg"))[:80]
    student = read_student(yolo, [(320, 320)])
    model = student.to_onnx(dynamic=False)
    batches = [preprocess(read_rgb(path), student.spec)[0] for path in paths[::2]]
    ranges = collect_ranges(model, batches)
    files = {REFERENCE: model, "fp16": half_computed(model)}
    for role in ("uint8", "int8"):
        files[f"{role} as it is"] = quantised(model, ranges, role)
        files[role] = corrected(files[f"{role} as it is"], model, batches, SCORES)
    manifest = Manifest(
        schema=1,
        name="yolov8n-seg",
        created=datetime.now(timezone.utc),
        family=student.family,
        outputs=student.outputs,
        class_count=len(student.classes),
        classes=class_specs(student.classes),
        input=student.spec,
        files={"fp32": NetworkSpec.of("model.onnx", model)},
    )
    judge = Judge(files, manifest, CONFIDENCE)
    judge.look_at_frames(read_rgb(path) for path in paths[1::2])
    return figures(judge.seen, CONFIDENCE)


@pytest.mark.parametrize("role", ["fp16", "uint8", "int8"])
def test_it_sees_what_fp32_sees(seen, role):
    found, bounds = seen[role], DEFAULTS[role]
    assert found["agreement"].value >= bounds["agreement"]
    assert abs(found["score_shift"].value) <= bounds["score_shift"]
    assert found["mask_iou"].value >= bounds["mask_iou"]


@pytest.mark.parametrize("role", ["uint8", "int8"])
def test_corrected_scores_are_nearer_to_fp32_s(seen, role):
    before, after = (seen[name]["score_shift"].value for name in (f"{role} as it is", role))
    assert before < -0.002  # -0.0046 of uint8, of int8 three times as much
    assert abs(after) < 0.7 * abs(before)
