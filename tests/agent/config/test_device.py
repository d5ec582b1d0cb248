"""A device has a name that folders, metrics and topics can have."""

import re

import pytest

from agent.config.device import device_name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("gate-7", "gate-7"),
        ("Gate 7.local", "gate-7-local"),
        ("käse_box", "k-se-box"),
        ("-x-", "x"),
        ("", "sfumato"),
        ("***", "sfumato"),
        ("groups", "sfumato"),
        ("a" * 63 + "-" + "b", "a" * 63),
    ],
)
def test_a_hosts_name_is_made_fit(host, name):
    assert device_name(host) == name


def test_this_host_has_one():
    assert re.fullmatch(r"[a-z0-9-]{1,64}", device_name())
