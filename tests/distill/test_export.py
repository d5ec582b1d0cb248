"""An exported teacher is the same network, and says what it is."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import distill
from distill.export import check_export, compare
from models.bundle import Bundle, write_bundle
from models.decode import decoder_for
from models.decode.rtmdet_ins import OUTPUT_NAMES, input_spec
from models.importing import import_onnx
from models.instances import Instances, Mask
from models.preprocess import preprocess
from models.runtime.choose import choose_network
from models.runtime.onnxruntime import OnnxRuntimeNetwork

pytestmark = pytest.mark.slow  # an export takes seconds


@pytest.fixture(scope="module")
def exported(seeing_export):
    return seeing_export[0].read_bytes()


def test_the_file_has_named_outputs_and_any_batch(exported):
    network = OnnxRuntimeNetwork(exported)
    assert tuple(network.outputs) == OUTPUT_NAMES
    assert network.input_shape == ("batch", 3, 128, 128)
    assert network.outputs["cls0"] == ("batch", 3, 16, 16)
    assert network.outputs["kernel2"] == ("batch", 169, 4, 4)
    assert network.outputs["mask_feat"] == ("batch", 8, 16, 16)


def test_the_file_names_nothing_of_the_machine_that_made_it(exported):
    paths = (sys.prefix, str(Path(distill.__file__).parents[1]), torch.__path__[0], ".py")
    assert not [path for path in paths if path.encode() in exported]


def test_onnx_runtime_sees_what_pytorch_sees(seeing_net, exported):
    """One image and three, raw and through the decoder, with instances to compare."""
    rows = list(check_export(seeing_net, exported, image_size=128))
    assert all(row.ok for row in rows), [row for row in rows if not row.ok]
    assert sum("raw" in row.name for row in rows) == 2
    assert sum("masks" in row.name for row in rows) == 4


def test_another_network_s_export_is_found_out(seeing_net, exported):
    generator = torch.Generator().manual_seed(1)
    weight = seeing_net.bbox_head.rtm_kernel[0].weight
    before = weight.detach().clone()
    with torch.no_grad():
        weight += 0.05 * torch.randn(weight.shape, generator=generator)
    try:
        rows = list(check_export(seeing_net, exported, image_size=128))
    finally:
        with torch.no_grad():
            weight.copy_(before)
    wrong = {row.name for row in rows if not row.ok}
    assert "batch 1: raw outputs" in wrong
    assert any("masks" in name for name in wrong)


def instances(boxes, pixels):
    masks = tuple(Mask(0, 0, pixels) for _ in boxes)
    count = len(boxes)
    scores = np.full(count, 0.5, np.float32)
    return Instances(np.array(boxes, np.float32), scores, np.zeros(count, np.int64), masks)


def test_what_differs_is_said():
    full, half = np.full((10, 10), 255, np.uint8), np.full((10, 10), 255, np.uint8)
    half[:, 5:] = 0
    one = instances([[0, 0, 10, 10]], full)
    other = instances([[0.01, 0, 10, 10], [50, 50, 60, 60]], half)
    rows = {row.name: row for row in compare(other, one, (10, 20), "x")}
    assert rows["x: instances unmatched of 1"].worst == 1
    assert not rows["x: instances unmatched of 1"].ok
    assert rows["x: boxes (of what they may be off)"].worst == pytest.approx(0.5)
    assert rows["x: masks (share of pixels)"].worst == 0.25
    assert [row.ok for row in compare(one, one, (10, 20), "x")] == [True] * 4


def test_the_agent_s_own_path_reads_it(exported, tmp_path, pictures):
    """Imported, bundled, opened and decoded as on the device."""
    manifest, files = import_onnx(exported, "teacher", classes=["can"])
    assert (manifest.family, manifest.class_count) == ("rtmdet_ins", 3)
    assert manifest.input == input_spec(128)
    write_bundle(tmp_path / "teacher.sfm", manifest, files, None)
    bundle = Bundle.open(tmp_path / "teacher.sfm", allow_unsigned=True)
    fed, fit = preprocess(pictures[0], bundle.manifest.input)
    outputs = choose_network(bundle).network.run(fed)
    seen = decoder_for(bundle.manifest).decode(outputs, fit, min_score=0.3, classes={1})
    assert len(seen) > 0
    assert set(seen.classes) == {1}
    assert len(seen.masks) == len(seen)
