"""A full disk is one line, whatever PyTorch makes of it; a limit on a file's size stands for one."""

import resource
import sys

import pytest
import torch

from distill.errors import OutputError
from distill.finetune.torch_file import write_torch


@pytest.fixture
def small_files(monkeypatch):
    """No file may grow beyond 100 kB."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python would keep what was cut off
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("count", [1, 50])
def test_what_was_there_stays_and_the_disk_s_own_words_are_said(tmp_path, count):
    path = tmp_path / "run.pt"
    write_torch(path, {"step": 1})
    tensors = [torch.zeros(200_000 // count) for _ in range(count)]
    with pytest.raises(OutputError, match=r"run\.pt can't be written: File too large$"):
        write_torch(path, {"step": 2, "net": tensors})
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_another_fault_is_no_full_disk(tmp_path):
    with pytest.raises(AttributeError, match="local"):
        write_torch(tmp_path / "run.pt", lambda: None)
    assert not list(tmp_path.iterdir())
