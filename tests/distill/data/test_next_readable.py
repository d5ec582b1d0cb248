"""A training goes on without what can't be read, wherever it lies."""

import pytest

from distill.data.next_readable import next_readable
from distill.errors import InputError


def reader(spoilt):
    def read(number):
        if number in spoilt:
            raise InputError(f"{number} is spoilt")
        return number

    return read


@pytest.mark.parametrize("count", [*range(1, 40), 500, 1000, 1024])
def test_every_other_one_has_its_turn(count):
    for first in {0, count // 2, count - 1}:
        spoilt = set(range(count)) - {(first + 1) % count}
        assert next_readable(reader(spoilt), first, count, str, most=count) == (first + 1) % count


def test_photos_that_were_spoilt_together_end_nothing():
    """A session of 50 of 500 was cropped, and they lie side by side."""
    spoilt = set(range(200, 250))
    for first in spoilt:
        said = []
        assert next_readable(reader(spoilt), first, 500, said.append) not in spoilt
        assert len(said) < 4


def test_none_is_one_line():
    with pytest.raises(InputError, match=r"^10 images in a row can't be read; the last: "):
        next_readable(reader(range(30)), 4, 30, str)
