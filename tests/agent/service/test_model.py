"""The model of a service: which of its bundle's files runs, and what is said of it."""

import json
import logging

import pytest
from precisions import BLIND, QUANTISED, SLOW, write_precisions

from agent.config.tree import ModelConfig
from agent.service.model import Model
from agent.settings import Hiding
from models.errors import ModelError


@pytest.fixture
def loaded(tmp_path):
    """Load a bundle as the service does; what it remembers lies in `state`."""
    models = []

    def load(specs=None, **files):
        path = write_precisions(tmp_path / "x.sfm", files, specs)
        config = ModelConfig(bundle=path, allow_unsigned=True)
        models.append(Model.load(config, None, tmp_path / "state"))
        return models[-1]

    yield load
    for model in models:
        model.pool.close()


def test_the_log_says_what_became_of_each_file(loaded, caplog):
    with caplog.at_level(logging.INFO, "agent"):
        loaded(fp32=SLOW, uint8=QUANTISED, int8=BLIND)
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    (fast, blind, plain) = [each for each in found if "onnxruntime-cpu: " in each[1]]
    assert fast[0] == plain[0] == "INFO"
    assert fast[1].startswith("uint8 on onnxruntime-cpu: passes, ")
    assert fast[1].endswith("x (chosen)")
    assert blind[0] == "WARNING"
    assert "int8 on onnxruntime-cpu: refused: golden frame 1: " in blind[1]
    assert plain[1] == "fp32 on onnxruntime-cpu: passes"


def test_scores_are_those_of_what_runs(loaded):
    own = {"uint8": {"thresholds": {"person": 0.6}}}
    for files, score in (
        ({"fp32": SLOW, "uint8": QUANTISED}, 0.6),
        ({"fp32": SLOW, "uint8": BLIND}, 0.25),
    ):
        model = loaded(own, **files)
        assert model.hidden(Hiding(classes=("person",))).scores == {0: score}
        assert model.status().candidates == model.detector.chosen.candidates


def test_the_state_remembers_and_every_start_proves_what_it_runs(loaded, tmp_path):
    """A file that passed when it was chosen, and fails now: all are tried anew."""
    loaded(fp32=SLOW, uint8=BLIND)
    (memory,) = (tmp_path / "state").iterdir()
    assert memory.name == "network-choices.json"
    kept = json.loads(memory.read_text())
    ((key, _),) = kept["choices"].items()
    for role in ("uint8", "fp32"):
        kept["choices"][key] = [[role, "chosen", "as was told", "onnxruntime-cpu"]]
        memory.write_text(json.dumps(kept))
        chosen = loaded(fp32=SLOW, uint8=BLIND).detector.chosen
        assert chosen.precision == "fp32"
        assert (chosen.candidates[0].said == "as was told") == (role == "fp32")


def test_a_bundle_that_fails_its_own_test_does_not_run(loaded):
    with pytest.raises(ModelError, match=r"fails its own test on this machine \(fp32 .*frame 1"):
        loaded(fp32=BLIND, uint8=QUANTISED)
