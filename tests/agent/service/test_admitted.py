"""Which bundles an agent lets in, now that some of them are over."""

import logging
from datetime import datetime, timezone

import pytest
from networks import network
from worlds import CLASSES

from agent.config.tree import ModelConfig
from agent.service.admitted import admit
from agent.service.model import Model
from models.bundle import write_bundle
from models.errors import ExpiredError, ModelError
from models.input_spec import InputSpec
from models.manifest import Manifest, NetworkSpec

PAST, FUTURE = (datetime(year, 1, 2, tzinfo=timezone.utc) for year in (2020, 2999))


def bundle(path, expires):
    model = network()
    manifest = Manifest(
        name="world",
        created=datetime(2019, 1, 2, tzinfo=timezone.utc),
        expires=expires,
        family="yolo_seg",
        class_count=len(CLASSES),
        classes=CLASSES,
        input=InputSpec(height=64, width=64),
        files={"fp32": NetworkSpec.of("model.onnx", model)},
    )
    write_bundle(path, manifest, {"fp32": model})
    return ModelConfig(bundle=path, allow_unsigned=True)


def test_what_ran_here_before_it_expired_runs_on(tmp_path, caplog):
    """As if time had passed: the memory of a bundle that is over is what it left when it was not."""
    young = admit(bundle(tmp_path / "young.sfm", FUTURE), tmp_path)
    (memory,) = tmp_path.glob("admitted*")
    assert memory.read_text() == young.digest
    old = bundle(tmp_path / "old.sfm", PAST)
    with pytest.raises(ExpiredError, match="2020-01-02"):
        admit(old, tmp_path)
    assert memory.read_text() == young.digest
    with caplog.at_level(logging.WARNING):
        memory.write_text(_digest(old))
        assert admit(old, tmp_path).manifest.has_expired()
    assert "runs on" in caplog.text


def _digest(config):
    from agent.service.admitted import verified

    return verified(config).digest


def test_without_a_memory_what_has_expired_is_refused(tmp_path):
    old = bundle(tmp_path / "old.sfm", PAST)
    with pytest.raises(ExpiredError):
        admit(old, None)
    (tmp_path / "admitted-bundle").write_bytes(b"\xff\xfe")
    with pytest.raises(ExpiredError):
        admit(old, tmp_path)


def test_a_memory_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    assert admit(bundle(tmp_path / "young.sfm", FUTURE), tmp_path / "gone").manifest.name == "world"
    assert "can't be written" in caplog.text


def test_an_unsigned_bundle_needs_somebody_to_say_so(tmp_path):
    config = bundle(tmp_path / "young.sfm", FUTURE)
    with pytest.raises(ModelError, match=r"not signed|unsigned"):
        admit(config.model_copy(update={"allow_unsigned": False}), tmp_path)


def test_a_model_is_loaded_and_proved(tmp_path):
    model = Model.load(bundle(tmp_path / "young.sfm", FUTURE), None)
    assert model.status().name == "world"
    assert model.status().runtime.startswith("onnxruntime")
    model.pool.close()
