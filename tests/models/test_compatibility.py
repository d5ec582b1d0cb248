"""A manifest for a newer Sfumato is told from two fields, whatever stands beside them."""

import json
from importlib.metadata import version

import pytest

from models.compatibility import check_min_agent, check_not_newer
from models.errors import BundleError

OURS = version("sfumato")


@pytest.mark.parametrize("schema", [2, 3, 10**400])
@pytest.mark.parametrize("min_agent", [{}, {"min_agent": "0.0.1"}, {"min_agent": "soon"}])
def test_a_newer_schema_is_enough(schema, min_agent):
    data = {"schema": schema, "layers": [{"of": "something"}], **min_agent}
    with pytest.raises(BundleError, match="needs a newer Sfumato") as caught:
        check_not_newer(json.dumps(data).encode())
    assert len(str(caught.value)) < 200


def test_a_version_says_more_than_a_schema():
    with pytest.raises(BundleError, match=r"needs Sfumato 999\.1\.0 or newer"):
        check_not_newer(b'{"schema": 2, "min_agent": "999.1.0"}')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b'{"schema": 1, "surprise": 1}',
        b'{"schema": 0}',
        b'{"schema": true}',
        b'{"schema": "2"}',
        b'{"schema": null, "min_agent": {}}',
        b'{"min_agent": "999; rm -rf"}',
        b'{"min_agent": "999.0"}',
        b'{"min_agent": "999.0.0\\n"}',
        b'{"min_agent": 999}',
        b"[" * 10_000,
        b'{"schema": ' * 10_000,
    ],
)
def test_nonsense_is_not_newer(data):
    """It is refused by whoever reads the rest of it."""
    check_not_newer(data)


def test_our_own_version_is_new_enough():
    check_min_agent(OURS)
    check_min_agent("0.0.1")
    check_min_agent(None)
    major = int(OURS.split(".")[0]) + 1
    with pytest.raises(BundleError, match=rf"needs Sfumato {major}\.0\.0 or newer; this is {OURS}"):
        check_min_agent(f"{major}.0.0")
