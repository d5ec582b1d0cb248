"""Folders for boards."""

import pytest


@pytest.fixture
def root(tmp_path):
    """Of a machine's file system."""
    return tmp_path / "root"
