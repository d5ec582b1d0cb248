"""Class names."""

import pytest

from models.classes import ClassSpec, choose, nearest
from models.errors import UnknownClassError

KNOWN = tuple(ClassSpec(id=i, name=n) for i, n in enumerate(["person", "bicycle", "car", "Bus"]))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("persn", "person"), ("Car", "car"), ("bus", "Bus"), ("bicycles", "bicycle"), ("xyzzy", None)],
)
def test_the_nearest_name_is_what_was_meant(typed, meant):
    assert nearest(typed, [spec.name for spec in KNOWN]) == meant


def test_chosen_classes_stand_in_the_order_asked_for_and_once():
    assert [spec.id for spec in choose(["car", "person", "car"], KNOWN)] == [2, 0]


def test_an_unknown_class_is_refused_with_the_nearest():
    with pytest.raises(UnknownClassError, match=r"no class 'persn'; did you mean 'person'\?"):
        choose(["car", "persn"], KNOWN)


def test_an_unknown_class_with_nothing_near_names_what_there_is():
    with pytest.raises(UnknownClassError, match=r"it knows person, bicycle, car, Bus$"):
        choose(["xyzzy"], KNOWN)
