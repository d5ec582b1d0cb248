"""What several test files of parity need."""

from pathlib import Path

import numpy as np
import pytest

SHARED_ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracle"


@pytest.fixture(scope="session")
def oracle():
    """Tensors that the original gave, which live beside the checkout."""
    if not SHARED_ORACLE.is_dir():
        pytest.skip(f"needs the reference tensors in {SHARED_ORACLE}")
    return SHARED_ORACLE


@pytest.fixture
def small(tmp_path):
    """The least that a fixture can hold."""
    path = tmp_path / "small.npz"
    np.savez(
        path,
        meta=np.array('{"size": "tiny", "nc": 1, "plain_cls_bias": -2}'),
        n_params=np.array(3),
        sd_keys=np.array(["a.bn.weight", "b.bn.weight", "a.bn.num_batches_tracked"]),
        sd_shapes=np.array(["3", "3", ""]),
        sd_canon=np.array(["a.bn.weight", "a.bn.weight", "a.bn.num_batches_tracked"]),
    )
    return path
