"""Building in a process of its own: a simulated builder, in real processes."""

import sys
import threading
from pathlib import Path

import pytest

from models.errors import EngineError
from models.runtime.engine_build import build_in_child

BUILDER = Path(__file__).with_name("simulated_builder.py")
ORDER = {"sizes": [(64, 64), (96, 64)], "batch": 4, "timing_cache": Path("timing")}


class Watch:
    """Remembers what it was told; cancels from the given call of `progress` on."""

    def __init__(self, cancels_at=None):
        self.lines, self.steps, self.cancels_at = [], [], cancels_at

    def said(self, line):
        self.lines.append(line)

    def progress(self, step, share):
        self.steps.append((step, share))

    def cancelled(self):
        return self.cancels_at is not None and len(self.steps) >= self.cancels_at


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def build(log, way="good", watch=None, onnx=b"network", **more):
    program = (sys.executable, str(BUILDER), way, str(log))
    return build_in_child(onnx, program=program, watch=watch or Watch(), **ORDER, **more)


def is_gone(pid):
    """It is no process any more, or a dead one that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def pid_in(log):
    return int(log.read_text().splitlines()[0].split()[1])


def test_the_child_gets_the_order_and_gives_the_plan(log):
    watch, onnx = Watch(), bytes(range(256)) * 3000  # more than a pipe holds
    plan = build(log, watch=watch, onnx=onnx)
    said, _, copies = plan.partition(b"}")
    assert b"'sizes': [[64, 64], [96, 64]], 'batch': 4, 'workspace_bytes': 1073741824" in said
    assert copies == onnx * 3
    assert watch.steps == [("timing kernels", 0.25), ("writing", 1.0)]
    assert is_gone(pid_in(log))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("error", "^TensorRT can't build the engine: node Conv_3: no kernel$"),
        ("crash", r"ended \(signal 11\): CUDA error: no room at all$"),
        ("garbage", "said what can't be read"),
        ("endless", "said what can't be read"),
        ("cut", r"ended \(exit code 0\)"),
        ("lie", "gave another engine than it said"),
        ("huge", "has 1099511627776 bytes"),
        ("empty", "has 0 bytes"),
    ],
)
def test_whatever_goes_wrong_is_one_line_and_leaves_no_process(log, way, said):
    with pytest.raises(EngineError, match=said) as caught:
        build(log, way)
    assert "\n" not in str(caught.value)
    assert is_gone(pid_in(log))


def test_a_program_that_does_not_start_is_one_line():
    program = (sys.executable, "-c", "raise SystemExit('no such thing')")
    with pytest.raises(EngineError, match=r"ended \(exit code 1\): no such thing"):
        build_in_child(b"x" * 10_000_000, program=program, **ORDER, watch=Watch())


def test_a_build_that_is_cancelled_ends_by_itself(log):
    with pytest.raises(EngineError, match=r"^building the engine was cancelled$"):
        build(log, "slow", Watch(cancels_at=3))
    assert log.read_text().splitlines()[1] == "cancelled"
    assert is_gone(pid_in(log))


def test_a_build_that_takes_too_long_is_ended(log):
    with pytest.raises(EngineError, match="took too long"):
        build(log, "slow", limit_s=3)
    assert is_gone(pid_in(log))


def test_one_that_is_deaf_is_killed(log):
    with pytest.raises(EngineError, match="cancelled"):
        build(log, "deaf", Watch(cancels_at=2), ends_within_s=0.3)
    assert is_gone(pid_in(log))


def test_an_exception_in_who_waits_ends_the_child(log):
    """As Ctrl-C raises one in the main thread."""

    class Interrupted(Watch):
        def progress(self, *_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(log, "slow", Interrupted())
    assert is_gone(pid_in(log))
    assert not [each for each in threading.enumerate() if each.name in {"order", "build errors"}]


def test_it_is_cancelled_while_nothing_is_said(log):
    with pytest.raises(EngineError, match="cancelled"):
        build(log, "silent", Watch(cancels_at=1))
    assert is_gone(pid_in(log))
