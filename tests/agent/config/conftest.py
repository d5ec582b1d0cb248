"""Configurations as people write them, in a folder of their own."""

from pathlib import Path

import pytest

from agent.config.loading import load
from agent.config.secrets import Secrets

FOUR_LINES = """\
model: person.sfm
trust: office.pub
streams:
  door: rtsp://10.0.0.5/stream1
"""


@pytest.fixture
def four_lines():
    return FOUR_LINES


@pytest.fixture
def write(tmp_path):
    """Writes a configuration; text or bytes."""

    def write(content) -> Path:
        path = tmp_path / "agent.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def loaded(write):
    """Loads a configuration, with an environment for its secrets."""

    def loaded(content, **environment):
        return load(write(content), Secrets(environment, None))

    return loaded
