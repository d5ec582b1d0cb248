"""What several test files need."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from simulated_cuda import SimulatedCuda
from simulated_gpu import compiled_code, opened_gpu

import models.silence  # noqa: F401 before a test imports what would report it

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

settings.register_profile("suite", deadline=None)  # of a machine that stands still for a moment
settings.load_profile("suite")

MAY_BE_MISSING = (
    "needs CUDA",
    "needs the real videos",
    "needs the reference tensors",
    "needs IPv6",
    "needs a queue",
)
"""What no package brings; whatever else a test needs, `make test` installs."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """In CI a test that lacks something fails: one that is always skipped proves nothing."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("needs ") and not reason.startswith(MAY_BE_MISSING):
            report.outcome, report.longrepr = "failed", f"in CI nothing may be missing: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Commands remember what they found out about a bundle: here, and not in anybody's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def all_cores():
    """Let no other test run that computes without end, or compares how long things take."""
    with open(f"{tempfile.gettempdir()}/sfumato-cores-{os.getuid()}", "w") as lock:  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """Real videos, ground truth and weights, which live beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real videos and weights in {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def kernel_code(tmp_path_factory):
    """The package's kernels, compiled for this CPU once."""
    return compiled_code(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def simulated_cuda():
    """The machine of `simulated_gpu`."""
    return SimulatedCuda()


@pytest.fixture
def simulated_gpu(kernel_code, simulated_cuda):
    with opened_gpu(kernel_code, simulated_cuda) as gpu:
        yield gpu
