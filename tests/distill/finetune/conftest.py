"""The toy world, drawn once, and one whole training on it."""

import pytest
import torch
from toys import settings, toy_dataset, write_settings

from distill.finetune.config import read_config
from distill.finetune.trainer import finetune


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("own") / "own", 6, seed=0)


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("public") / "public", 5, seed=1, name="flask")


@pytest.fixture(scope="session")
def val(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("val") / "val", 3, seed=2)


@pytest.fixture
def one_thread():
    """Sums in another order give other digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def whole_run(own, val, tmp_path_factory):
    """The folder of a run that nothing disturbed, and its config."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    config = read_config(write_settings(folder / "config.yaml", settings(own, val)))
    assert finetune(config, "cpu")
    torch.set_num_threads(before)
    return config
