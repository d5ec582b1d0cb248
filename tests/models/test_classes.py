"""Class names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classes import (
    ClassSpec,
    choose,
    class_specs,
    joined_names,
    nearest,
    shortened,
    split_names,
)
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


def ids(names, *asked):
    return [spec.id for spec in choose(asked, class_specs(names))]


def test_every_class_of_a_name_is_chosen():
    assert ids(["person", "car", "person"], "person") == [0, 2]
    assert ids(["person", "car", "person"], "car", "person") == [1, 0, 2]


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["person", "Person", "PERSON"], "person"),
        (["straße", "STRASSE"], "Strasse"),
        (["café", "cafe\u0301"], "CAFÉ"),
        (["person", " person", "person\n"], "person "),
        (["traffic light", "traffic  light", "traffic\tlight"], "Traffic Light"),
        (["ﬁre", "fire"], "fire"),
    ],
)
def test_names_that_a_person_takes_for_one_are_one(names, asked):
    """What was not hidden because of a capital letter would be shown."""
    assert ids(names, asked) == list(range(len(names)))
    for name in names:
        assert ids(names, name) == list(range(len(names)))


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        ("", "class 1"),
        ("  \n", "class 1"),
        ("a\nb\x1b[31m", "a b [31m"),
        ("\ud83d", "class 1"),  # half of a letter, which no file can hold
        ("\u202egnp", "gnp"),  # would turn around what is printed after it
        ("x" * 500, "x" * 200),
        ("cup, paper", "cup, paper"),
        ("人", "人"),
    ],
)
def test_odd_names_become_such_that_can_be_asked_for(odd, name):
    specs = class_specs(["person", odd])
    assert specs[1] == ClassSpec(id=1, name=name)
    assert ids(["person", odd], name) == [1]
    assert split_names(joined_names([name])) == (name,)


@given(st.lists(st.text(max_size=20), max_size=30))
def test_whatever_they_are_called_all_classes_have_names(names):
    specs = class_specs(names)
    assert [spec.id for spec in specs] == list(range(len(names)))
    for spec in specs:
        assert spec in choose([spec.name], specs)
        assert spec in choose(split_names(joined_names([spec.name])), specs)
        assert ClassSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("person", ("person",)),
        ("person, car", ("person", "car")),
        (' "cup, paper",car', ("cup, paper", "car")),
        ('19" rack,car', ('19" rack', "car")),
        ('"say ""hi"", you"', ('say "hi", you',)),
        ("person,,car", ("person", "", "car")),
    ],
)
def test_names_stand_between_commas(text, names):
    assert split_names(text) == names


@pytest.mark.parametrize("text", ['"open', '"a"b,c', "a\nb"])
def test_what_can_not_be_told_apart_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r'write them like car,"cup, paper"$') as caught:
        split_names(text)
    assert "\n" not in str(caught.value)


def test_a_comma_within_a_name_needs_no_quotes_where_the_pieces_make_that_name():
    """Who asks for both pieces and the whole gets all: nothing is shown because of a quote."""
    names = ["cup", "cup, paper", "a,b,c", "car"]
    assert ids(names, "cup", "paper") == [0, 1]
    assert ids(names, "car", "a", " b ", "c") == [3, 2]
    assert ids(names, "cup, paper") == [1]
    with pytest.raises(UnknownClassError, match="no class 'paper'"):
        ids(names, "paper")
    with pytest.raises(UnknownClassError, match="no class 'paper'"):
        ids(names, "paper", "cup")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ('"person"', '"person"'),  # as a shell passes it on: our own quotes, for `split_names`
        ('"person"', "person"),
        ('bus, "big"', 'bus, "big"'),
        ("x" * 500, "x" * 500),  # as the exporter has it, which is longer than ours
    ],
)
def test_a_name_is_chosen_as_it_was_written(name, asked):
    assert ids(["car", name], *split_names(asked)) == [1]


def test_a_message_says_each_name_once():
    assert shortened(["a", "a", "b,c", "d"], 2) == 'a, "b,c" and 1 more'
