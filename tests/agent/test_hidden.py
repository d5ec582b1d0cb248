"""Scores are those of the file that runs."""

import pytest
from precisions import QUANTISED, SLOW, write_precisions

from agent.hidden import hidden_classes
from agent.settings import Hiding
from models.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    own = {"uint8": {"thresholds": {"person": 0.2, "car": 0.6}}}
    path = tmp_path_factory.mktemp("hidden") / "x.sfm"
    write_precisions(path, {"fp32": SLOW, "uint8": QUANTISED, "fp16": SLOW}, own, golden=False)
    bundle = Bundle.open(path, allow_unsigned=True)
    bundle.manifest.thresholds["person"] = 0.4
    return bundle


@pytest.mark.parametrize(
    ("role", "scores"),
    [
        ("uint8", {0: 0.2, 1: 0.6, 2: 0.25}),
        ("fp32", {0: 0.4, 1: 0.25, 2: 0.25}),
        ("fp16", {0: 0.4, 1: 0.25, 2: 0.25}),
        (None, {0: 0.4, 1: 0.25, 2: 0.25}),
    ],
)
def test_a_file_has_its_own_scores_or_those_of_what_was_trained(bundle, role, scores):
    hidden = hidden_classes(bundle, Hiding(), role)
    assert hidden.scores == hidden.sure_scores == scores
    assert hidden.weakest == pytest.approx(hidden_classes(bundle, Hiding(), role).weakest)


def test_what_is_hidden_is_sought(bundle):
    assert hidden_classes(bundle, Hiding(classes=("car",))).sought == {frozenset({1})}
    assert hidden_classes(bundle, Hiding()).sought == {frozenset({0, 1, 2})}


def test_what_a_person_asks_for_counts_for_every_file(bundle):
    asked = hidden_classes(bundle, Hiding(conf=0.3, classes=("person", "car")), "uint8")
    assert asked.scores == {0: 0.3, 1: 0.3}
    assert asked.sure_scores == {0: 0.3, 1: 0.6}
