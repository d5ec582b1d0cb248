"""What several test files need."""

from pathlib import Path

import pytest

import models.silence  # noqa: F401 before a test imports what would report it

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real videos, ground truth and weights, which live beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real videos and weights in {SHARED_DATA}")
    return SHARED_DATA
