"""Files that are good, files that are broken on purpose, and what becomes of both."""

import numpy as np
import onnx
import pytest
import torch
from evaluating import truth, world
from onnx import numpy_helper
from torch import nn

from distill.errors import InputError
from distill.export import to_onnx
from distill.quantize.heads import heads_of
from distill.quantize.insert import quantised
from distill.quantize.judge import Judge
from distill.quantize.measures import figures
from distill.quantize.ranges import collect_ranges
from distill.quantize.verdict import refusal, verdicts, write_passed
from models.errors import ModelError
from models.importing import import_onnx
from models.input_spec import InputSpec
from models.preprocess import preprocess
from tests.distill.conftest import picture

pytestmark = pytest.mark.slow
CONFIDENCE = 0.25
SPEC = InputSpec(width=64, height=32)


def judged(small, files, frames=None):
    judge = Judge({"fp32": small.model, **files}, small.manifest, CONFIDENCE)
    judge.look_at_frames(small.judged if frames is None else frames)
    return judge


def changed(model, change):
    """The file with its constants changed: `change` gets their values by name."""
    proto = onnx.load_from_string(model)
    values = {each.name: numpy_helper.to_array(each) for each in proto.graph.initializer}
    new = change(values)
    for each in proto.graph.initializer:
        if each.name in new:
            each.CopyFrom(numpy_helper.from_array(new[each.name], each.name))
    return proto.SerializeToString()


def swapped(values):
    """Each tensor's scale where another's belongs."""
    names = sorted(name for name, value in values.items() if is_scale(name, value))
    return {name: values[other] for name, other in zip(names, names[::-1], strict=True)}


def is_scale(name, value):
    return name.endswith("_scale") and value.ndim == 0


def test_what_fp32_and_a_good_file_see(small):
    judge = judged(small, {"same": small.model})
    assert sum(judge.judged_at.values()) == len(small.judged)
    assert all(count > 0 for count in judge.judged_at.values()), "each size suits some frames"
    found = figures(judge.seen, CONFIDENCE)
    same = found["same"]
    assert (same["agreement"].value, same["score_shift"].value) == (1, 0)
    assert same["mask_iou"].value == 1
    assert same["milliseconds"].value > 0
    assert same.keys() == {"agreement", "score_shift", "mask_iou", "milliseconds"}
    assert found["fp32"].keys() == {"milliseconds"}


def test_swapped_scales_are_found_out_and_nothing_is_written(small, tmp_path):
    files = {"fp32": small.model, "uint8": changed(small.uint8, swapped)}
    judge = judged(small, files)
    records = verdicts(files, judge.seen, CONFIDENCE, {}, {})
    assert records["uint8"].figures["agreement"].value < 0.5
    assert any(line.startswith("agreement is 0") for line in records["uint8"].failed)
    (tmp_path / "model.uint8.onnx").write_bytes(b"of a former run")
    assert write_passed(tmp_path, files, records) == []
    assert list(tmp_path.iterdir()) == []
    assert refusal(tmp_path, records).startswith(f"{tmp_path}/model.uint8.onnx was not written: a")


def test_what_passed_is_written_though_another_did_not(small, tmp_path):
    files = {"fp32": small.model, "fp16": small.model, "uint8": changed(small.uint8, swapped)}
    judge = judged(small, files)
    records = verdicts(files, judge.seen, CONFIDENCE, {}, {})
    assert write_passed(tmp_path, files, records) == ["model.fp16.onnx"]
    assert (tmp_path / "model.fp16.onnx").read_bytes() == small.model
    assert refusal(tmp_path, {"fp16": records["fp16"]}) is None


def test_a_file_that_another_program_will_not_take_is_refused(small):
    def check(_model):
        raise ModelError("the parser takes no zero points")

    files = {"fp32": small.model, "int8": small.model}
    judge = judged(small, files)
    records = verdicts(files, judge.seen, CONFIDENCE, {}, {"int8": check})
    assert records["int8"].failed == ("the parser takes no zero points",)
    assert verdicts(files, judge.seen, CONFIDENCE, {}, {})["int8"].failed == ()


def test_a_file_that_can_t_be_run_or_read_is_refused_and_the_others_go_on(small):
    nan = changed(
        small.model,
        lambda values: {n: v * np.float32(np.nan) for n, v in values.items() if v.ndim == 4},
    )
    files = {"fp32": small.model, "nan": nan, "cut": small.model[:1000], "same": small.model}
    seen = judged(small, files).seen
    assert "not finite" in seen["nan"].refused
    assert "can't load" in seen["cut"].refused
    assert len(seen["same"].agreement) == len(seen["fp32"].agreement) == len(small.judged)
    assert figures(seen, CONFIDENCE).keys() == {"fp32", "same"}
    with pytest.raises(ModelError, match="not finite"):
        judged(small, {"fp32": nan})


class Decoding(nn.Module):
    """Cells of 8 px whose network decodes itself: scores in one tensor with boxes of 1,400 px."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.see, self.draw = nn.Conv2d(3, 34, 8, 8), nn.Conv2d(3, 32, 4, 4)
        nn.init.normal_(self.see.weight[:2], std=0.3)
        y, x = torch.meshgrid(torch.arange(4) * 8.0 + 4, torch.arange(8) * 8.0 + 4, indexing="ij")
        size = torch.full((32,), 1400.0)
        self.register_buffer("boxes", torch.stack([x.flatten(), y.flatten(), size, size]))

    def forward(self, images):
        seen = self.see(images).flatten(2)
        boxes = self.boxes.expand(images.shape[0], -1, -1)
        return torch.cat([boxes, seen[:, :2].sigmoid(), seen[:, 2:]], 1), self.draw(images)


@pytest.fixture(scope="module")
def dense():
    """Such a file as others export it, frames, and the ranges that they give."""
    told = {"task": "segment", "names": "{0: 'cup', 1: 'can'}", "imgsz": "[32, 64]"}
    model = to_onnx(Decoding().eval(), SPEC, ("output0", "output1"), told)
    manifest, _ = import_onnx(model, "toy")
    frames = [picture(seed, 64, 128) for seed in range(30)]
    batches = [preprocess(image, SPEC)[0] for image in frames]
    return model, manifest, frames, collect_ranges(model, batches)


def test_a_tail_in_eight_bits_sees_nothing_and_is_refused(dense, tmp_path):
    """One scale for pixels and scores: every score rounds to 0, and nothing raises."""
    model, manifest, frames, ranges = dense
    files = {"fp32": model, "uint8": quantised(model, ranges, "uint8", floats=())}
    judge = Judge(files, manifest, CONFIDENCE)
    judge.look_at_frames(frames)
    assert judge.seen["uint8"].refused is None
    assert sum(frame.seen for frame in judge.seen["uint8"].agreement) == 0
    records = verdicts(files, judge.seen, CONFIDENCE, {}, {})
    assert records["uint8"].failed[0] == "agreement is 0, at least 0.86 is demanded"
    assert "mask_iou is nothing to measure, at least 0.94 is demanded" in records["uint8"].failed
    assert write_passed(tmp_path, files, records) == []


def test_a_student_that_hardly_sees_anything_is_no_judge(dense):
    model, manifest, frames, _ = dense
    judge = Judge({"fp32": model}, manifest, 0.999)
    judge.look_at_frames(frames[:2])
    with pytest.raises(InputError, match=r"sees \d+ objects in 2 frames at a confidence of 0\.999"):
        verdicts({"fp32": model}, judge.seen, 0.999, {}, {})


def test_labels_give_the_figures_of_evaluate(small, tmp_path):
    squares = [[truth((i % 2, 10 + i, 10, 60, 70))] for i in range(6)]
    dataset = world(tmp_path, squares, ("cup", "bottle"))
    index_of = {0: 1, 1: 0}  # the network's are bottle and cup
    judge = judged(small, {"same": small.model})
    assert judge.look_at_labelled(dataset, index_of, iter) == []
    seen = figures(judge.seen, CONFIDENCE)
    assert {"mask_map", "f1", "pixel_leak", "over_redaction"} <= seen["fp32"].keys()
    assert (seen["same"]["pixel_leak"].change, seen["same"]["over_redaction"].change) == (0, 0)
    (tmp_path / "3.png").write_bytes(b"no picture")
    again = judged(small, {}, frames=[])
    (problem,) = again.look_at_labelled(dataset, index_of, iter)
    assert "3.png" in problem
    assert len(again.seen["fp32"].labelled) == 5
    for path in tmp_path.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 6 images can be read"):
        again.look_at_labelled(dataset, index_of, iter)


def test_networks_with_other_outputs_are_refused(dense):
    with pytest.raises(ModelError, match="only networks that sfumato-distill exports"):
        heads_of(dense[1])
