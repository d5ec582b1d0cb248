"""Sizes as people write them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.config.size import Size, size_text

SIZE = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [
        ("50GiB", 50 << 30),
        ("500MB", 500_000_000),
        ("1.5 GiB", 3 << 29),
        ("0.1kB", 100),
        ("7B", 7),
        ("2TiB", 2 << 40),
        (1234, 1234),
    ],
)
def test_a_size_is_bytes(written, size_bytes):
    assert SIZE.validate_python(written, strict=True) == size_bytes


@pytest.mark.parametrize(
    "written",
    ["50", "50G", "50gib", "-1GiB", "GiB", "0B", "0.1B", "1e3MB", "٣GB", 0, -5, True, 1.5, None],
)
def test_what_is_none_is_refused(written):
    with pytest.raises(ValidationError):
        SIZE.validate_python(written, strict=True)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (50 << 30, "50GiB"),
        (500_000_000, "500MB"),
        (3 << 29, "1536MiB"),
        (1025, "1025B"),
        (1000, "1KB"),
    ],
)
def test_a_size_is_shown_exactly(size_bytes, text):
    assert size_text(size_bytes) == text
    assert SIZE.validate_python(text) == size_bytes
