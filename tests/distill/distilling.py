"""A world of two small data sets and a teacher, drawn once."""

import pytest
import yaml
from toys import toy_dataset

from distill.student.config import read_config


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("few") / "few", 3, seed=0)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("clips") / "clips", 6, seed=1)


@pytest.fixture(scope="session")
def held_out(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("held") / "held", 3, seed=2)


@pytest.fixture
def settings_of(few, clips, held_out, seeing_weights):
    """Writes a run of a few steps; keyword arguments replace whole parts of it."""

    def write(folder, **changes):
        content = {
            "run": "run",
            "student": {"model": "yolo11n-seg", "classes": ["bottle"], "image_size": 64},
            "teacher": {"weights": str(seeing_weights)},
            "data": {"labelled": str(few), "pseudo": str(clips), "val": str(held_out)},
            "schedule": {
                "epochs": 3,
                "images_per_epoch": 8,
                "batch_size": 4,
                "warmup_epochs": 1,
                "close_mosaic": 1,
            },
            "distill": {"warmup": 0.2, "stop": 0.8},
            **changes,
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "distill.yaml"
        path.write_text(yaml.safe_dump(content), "utf-8")
        return path

    return write


@pytest.fixture
def config_of(settings_of):
    return lambda folder, **changes: read_config(settings_of(folder, **changes))
