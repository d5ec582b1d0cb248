"""Which network a report names: the one that ran, not the first in the bundle's list."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
import worlds
from worlds import SOLID, Eyes, World

from agent.blur import blur
from agent.settings import interval_of
from models.bundle import Bundle, write_bundle
from models.manifest import Manifest, NetworkSpec
from models.signing import load_public

MS = Fraction(1, 1000)
DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
UNKNOWN_FIELD = b"\xfa\x07\x01x"
"""Of protocol buffers: a reader leaves it out, but the file is another one."""


@pytest.fixture(scope="module")
def two_networks(tmp_path_factory):
    """A bundle that lists INT8 first and FP32 last; a CPU prefers FP32."""
    demo = Bundle.open(DEMO / "bottles.sfm", [load_public(DEMO / "demo.pub")])
    model = demo.model_bytes("fp16")
    files = {"int8": model + UNKNOWN_FIELD, "fp32": model}
    described = demo.manifest.model_dump(by_alias=True, exclude={"files", "golden_files", "golden"})
    manifest = Manifest.model_validate(
        described
        | {"files": {role: NetworkSpec.of(f"{role}.onnx", data) for role, data in files.items()}}
    )
    path = tmp_path_factory.mktemp("two") / "two.sfm"
    write_bundle(path, manifest, files)
    return Bundle.open(path, allow_unsigned=True), files


@pytest.fixture
def clip(tmp_path):
    return World(frames=3).write(tmp_path / "in.mp4")


def test_it_is_the_one_that_ran(two_networks, clip, tmp_path):
    bundle, files = two_networks
    model = blur(clip, tmp_path / "out.mp4", bundle, SOLID).model
    assert list(bundle.manifest.files) == ["int8", "fp32"]
    assert model.precision == "fp32"
    assert model.sha256 == hashlib.sha256(files["fp32"]).hexdigest()
    assert model.runtime == "onnxruntime-cpu"
    assert "fp32" in model.reason


def test_another_detector_is_not_called_by_the_bundles_name(two_networks, clip, tmp_path):
    eyes = Eyes(World(frames=3))
    model = blur(clip, tmp_path / "out.mp4", two_networks[0], SOLID, detector=eyes).model
    assert (model.precision, model.sha256, model.runtime) == (None, None, None)
    assert model.digest == two_networks[0].digest


def test_what_was_amiss_with_the_inputs_clock_is_told(tmp_path):
    """Two transport streams, one after the other."""
    world = World(frames=12)
    part = world.write(tmp_path / "part.ts").read_bytes()
    (tmp_path / "in.ts").write_bytes(part + part)
    report = blur(
        tmp_path / "in.ts",
        tmp_path / "out.mp4",
        worlds.world_bundle(tmp_path),
        SOLID,
        detector=Eyes(world),
    )
    assert report.frames.written == 24
    told = report.model_dump(mode="json")
    assert told["repairs"] == {"pictures": 0, "sound": 0, "sound_lost": 0, "jumps": 1}
    assert told["left_out"] == []


@pytest.mark.parametrize(
    ("every", "fps", "expected"),
    [(5, 25, 5), (5, 8, 1), (5, 10, 2), (5, 3, 1), ("auto", 60, 6), ("auto", 5, 1)],
)
def test_how_far_apart_detections_are_by_number_and_by_time(every, fps, expected):
    settings = SOLID.model_copy(update={"every": every})
    assert interval_of(settings, Fraction(fps)) == expected
    assert interval_of(settings, None) == (6 if every == "auto" else every)


def test_a_time_lapse_is_looked_at_frame_by_frame(tmp_path):
    world = World(frames=8)
    clip = world.write(tmp_path / "in.mkv", pts=[1000 * i for i in range(8)], time_base=MS)
    eyes = Eyes(world)
    report = blur(clip, tmp_path / "out.mkv", worlds.world_bundle(tmp_path), SOLID, detector=eyes)
    assert sorted(eyes.seen) == list(range(8))
    assert (report.keyframes, report.settings.max_gap_s) == (8, 0.17)
