"""What is shown is the whole configuration, without its secrets, and can be read again."""

import pytest

from agent.config.listing import inline, listing

TEXT = """\
model: {bundle: "été #1.sfm", trust: office.pub}
defaults: {effect: solid}
streams:
  no: {source: "rtsp://viewer:${env:PW}@10.0.0.5/a b#c", classes: [person, "cup, paper", "7"], conf: 1e-5}
  7:
    source: /dev/video0
    every: 3
record: {keep: {bytes: 1536MiB, days: null, free: 1000}}
limits: {memory: 2GB}
"""


def test_it_is_read_again_as_what_it_was(loaded):
    text = TEXT.replace("viewer:${env:PW}@", "")
    config = loaded(text).config
    assert loaded(listing(config)).config == config


def test_with_origins_too(loaded):
    text = TEXT.replace("viewer:${env:PW}@", "")
    first = loaded(text)
    assert loaded(listing(first.config, first.origins)).config == first.config


def test_secrets_are_stars(loaded):
    shown = listing(loaded(TEXT, PW="hunter2").config)
    assert 'url: "rtsp://viewer:***@10.0.0.5/a b#c"\n' in shown
    assert "hunter2" not in shown
    assert "${" not in shown


def test_each_value_has_its_origin(loaded):
    first = loaded(TEXT, PW="hunter2")
    lines = listing(first.config, first.origins).splitlines()
    values = [line for line in lines if not line.endswith(":")]
    assert len(values) == len(first.origins)
    remarks = {line.split(":")[0].strip(): line.partition("  # ")[2] for line in values}
    assert remarks["every"] == "file line 7"
    assert remarks["effect"] == "defaults section, line 2"
    assert remarks["prometheus"] == "default"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (15.0, "15"),
        (0.17, "0.17"),
        ("person", "person"),
        ("rtsp://10.0.0.5/stream1", "rtsp://10.0.0.5/stream1"),
        ("50GiB", "50GiB"),
        ("no", '"no"'),
        ("null", '"null"'),
        ("1e3", '"1e3"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("", '""'),
        (["a", "b c"], '[a, "b c"]'),
    ],
)
def test_a_value_is_quoted_where_it_has_to_be(value, text):
    assert inline(value) == text
