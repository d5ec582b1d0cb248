"""What tests of provisioning share."""

import pytest
from office import Office


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "office")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "identity"
