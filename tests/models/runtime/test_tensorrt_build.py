"""Building an engine by a simulated TensorRT: what it is told, and what comes of each failure."""

import json
import sys

import numpy as np
import pytest

from models.errors import InferenceError, ModelError
from models.runtime.tensorrt_progress import Progress
from models.runtime.tensorrt_versions import log_of, tensorrt
from tests.models.runtime.gpu_world import SIZE, image_network, images, tensorrt_world

OPEN = ("n", 3, "h", "w")


@pytest.fixture
def world():
    with tensorrt_world() as one:
        yield one


def test_a_network_of_one_size_needs_no_profile(world):
    world.plan(workspace_bytes=123 << 20)
    assert world.tensorrt.built["profiles"] == []
    assert world.tensorrt.built["workspace"] == 123 << 20


def test_each_size_has_a_profile_tuned_for_one_image(world):
    world.plan(image_network(OPEN), sizes=([64, 32], [32, 96]), batch=4)
    assert world.tensorrt.built["profiles"] == [
        [[1, 3, 32, 64], [1, 3, 32, 64], [4, 3, 32, 64]],
        [[1, 3, 96, 32], [1, 3, 96, 32], [4, 3, 96, 32]],
    ]


def test_sizes_that_the_network_fixes_are_its_own(world):
    world.plan(image_network(("n", 3, 32, 64)), batch=2)
    assert world.tensorrt.built["profiles"] == [[[1, 3, 32, 64], [1, 3, 32, 64], [2, 3, 32, 64]]]
    world.plan(image_network((1, 3, "h", "w")), batch=2)
    assert world.tensorrt.built["profiles"] == [[[1, 3, 32, 64]] * 3]


@pytest.mark.parametrize(
    ("onnx", "said"),
    [
        (b"hello", "TensorRT can't read the network: .*ONNX"),
        (image_network((1, 3, 64, 64)), r"wants \[1, 3, 64, 64\], .* taking \[1, 3, 32, 64\]"),
        (image_network((2, 3, 32, 64)), r"wants \[2, 3, 32, 64\], .* taking \[1, 3, 32, 64\]"),
        (image_network((1, 3, 32, 64), inputs=2), "wants 2 inputs, not one image"),
        (image_network((1, 3, 32, 64, 1)), r"wants \[1, 3, 32, 64, 1\], not one image"),
    ],
)
def test_a_network_that_is_not_the_one_described_is_refused_in_one_line(world, onnx, said):
    with pytest.raises(ModelError, match=said) as caught:
        world.plan(onnx)
    assert "\n" not in str(caught.value)


FAULTS = {
    "no builder": ("Builder", TypeError("factory function returned nullptr"), "nullptr; Error"),
    "no network": ("create_network", None, "TensorRT failed: .*; Error Code 1: create_network"),
    "no configuration": ("create_builder_config", None, "failed: .*create_builder_config was to"),
    "unread": ("parse", False, "can't read the network: Error Code 1: parse was to fail"),
    "no profile": ("add_optimization_profile", -1, "refuses 64x32 px: Error Code 1"),
    "no plan": ("build_serialized_network", None, "found no engine: Error Code 1"),
    "an exception": ("build_serialized_network", RuntimeError("a\nb"), "TensorRT failed: a; Error"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_line(world, fault):
    call, given, said = FAULTS[fault]
    world.tensorrt.fails[call] = given
    with pytest.raises(ModelError, match=said) as caught:
        world.plan(image_network(OPEN))
    assert "\n" not in str(caught.value)
    assert not world.tensorrt.fails


def test_it_says_how_far_it_is(world):
    told = []
    world.plan(progress=lambda phase, share: told.append((phase, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert ("Parsing", 0.25) in told
    assert ("Timing", 0.75) in told
    assert told[-1] == ("Building", 1.0)


def test_it_ends_at_the_next_step_when_it_is_cancelled(world):
    told = []
    with pytest.raises(ModelError, match=r"^building the engine was cancelled$"):
        world.plan(progress=lambda *step: told.append(step), cancelled=lambda: len(told) > 3)
    assert len(told) < 8


def test_phases_that_overlap_make_one_share():
    told = []
    progress = Progress(lambda _phase, share: told.append(share))
    progress.begin("all", None, 4)
    for name in "ab":
        progress.begin(name, "all", 10)
    progress.step("a", 3)
    progress.step("b", 1)  # less far than the other
    progress.end("a")
    progress.step("a", 7)  # of a phase that is over
    progress.step("all", 0)
    assert told == [0, 0, 0, 0.1, 0.1, 0.1, 0.3]


# The timing cache.


def test_what_was_measured_is_kept_and_used(world, tmp_path):
    cache = tmp_path / "timing"
    world.plan(timing_cache=cache)
    world.plan(image_network(OPEN), timing_cache=cache)
    assert len(json.loads(cache.read_bytes())) == 2


@pytest.mark.parametrize("damage", ["garbage", "another GPU's", "too large", "a folder"])
def test_a_cache_that_is_of_no_use_is_begun_anew(world, tmp_path, damage):
    cache = tmp_path / "timing"
    world.plan(timing_cache=cache)
    if damage == "garbage":
        cache.write_bytes(b"\0 no cache")
    elif damage == "another GPU's":
        world.tensorrt.fails["set_timing_cache"] = False
    elif damage == "too large":
        cache.write_bytes(b" " * (65 << 20))
    else:
        cache.unlink()
        cache.mkdir()
    plan = world.plan(image_network(OPEN), timing_cache=cache)
    assert damage == "a folder" or len(json.loads(cache.read_bytes())) == 1
    np.testing.assert_array_equal(world.network(plan).run(images())[0], images() * 2)


# The library, as it is installed.


@pytest.fixture(autouse=True)
def nothing_imported():
    """What one test installs, no other finds."""
    sys.modules.pop("tensorrt", None)
    yield
    sys.modules.pop("tensorrt", None)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "raise OSError('libnvdla_compiler.so:\\nno such file')",
            "imported: libnvdla_compiler.so:",
        ),
        ("raise SystemError", "tensorrt can't be imported: SystemError"),
        ("", "tensorrt can't be imported: .*__version__"),
        ("__version__ = '10.2.0'", "TensorRT 10.2.0 is older than 10.3"),
        ("__version__ = '8.6.1.6'", "TensorRT 8.6.1.6 is older than 10.3"),
    ],
)
def test_a_library_that_is_of_no_use_is_a_reason_in_a_line(monkeypatch, tmp_path, source, said):
    (tmp_path / "tensorrt.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InferenceError, match=said) as caught:
        tensorrt()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["10.3.0", "10.16.1.11", "11.4.0.106"])
def test_versions_that_are_supported(monkeypatch, tmp_path, version):
    (tmp_path / "tensorrt.py").write_text(f"__version__ = '{version}'")
    monkeypatch.syspath_prepend(tmp_path)
    assert tensorrt().__version__ == version


def test_the_log_keeps_the_last_that_is_wrong_and_tells_it_once(world):
    log = log_of(world.tensorrt)
    assert log_of(world.tensorrt) is log
    severity = world.tensorrt.ILogger.Severity
    log.log(severity.INFO, "nothing")
    for fault in ("fault 1", "fault 2", "fault 3\nand what it means", "fault 4"):
        log.log(severity.ERROR, fault)
    log.log(severity.WARNING, "so it ends")
    assert log.said() == "fault 3; fault 4; so it ends"
    assert log.said() == "without a word"


def test_sizes_come_from_whoever_reads_them(world):
    """As lists, from JSON."""
    network = world.network(world.plan(image_network(OPEN), sizes=[list(SIZE)]))
    np.testing.assert_array_equal(network.run(images())[0], images() * 2)
