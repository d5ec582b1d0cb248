"""Split: by clip, by digest alone."""

import hashlib

import pytest

from distill.label.held_out import held_out


def digests(count):
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)]


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(0, 0.2, 0), (1, 0.2, 0), (2, 0.2, 1), (5, 0.2, 1), (10, 0.2, 2), (3, 1, 2), (10, 0, 0)],
)
def test_how_many_clips_are_held_out(count, share, expected):
    assert len(held_out(digests(count), share)) == expected


def test_the_order_of_clips_does_not_matter():
    assert held_out(digests(9), 0.3) == held_out(digests(9)[::-1], 0.3)
