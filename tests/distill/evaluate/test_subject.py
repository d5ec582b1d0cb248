"""A network is judged by the classes that a data set asks for."""

import numpy as np
import pytest

from distill.evaluate.subject import Subject
from models.errors import UnknownClassError
from models.instances import Instances


def subject(names):
    """Sees one object of each of its classes."""
    count = len(names)
    seen = Instances(
        np.tile(np.array([0, 0, 9, 9], np.float32), (count, 1)),
        np.ones(count, np.float32),
        np.arange(count),
    )
    return Subject("x", "0" * 64, dict(enumerate(names)), lambda images: [seen for _ in images])


def test_all_that_it_calls_so_is_of_the_class():
    """As on a device, which hides every class of a name."""
    (seen,) = subject(["person", "car", "person", "dog"]).seeing(["dog", "person"])([None])
    assert seen.classes.tolist() == [1, 1, 0]


def test_a_class_that_it_does_not_know_is_named():
    with pytest.raises(UnknownClassError, match=r"x does not know 'persn'.*it has 'person'"):
        subject(["person"]).seeing(["persn"])
