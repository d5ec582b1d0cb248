"""Services that hear of a run: only if asked, figures only, and a run outlives them."""

import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import settings, toy_dataset, write_settings

from distill.cli import main
from distill.errors import UsageError
from distill.student.config import read_config
from distill.student.run import train_student
from distill.student.student_folder import StudentFolder
from distill.student.ultralytics.epoch_figures import EpochFigures
from distill.tracker import Tracker, check_tracker

WANDB = """
import os
BEGUN, TOLD, ENDED = [], [], []
class Config(dict):
    def update(self, values, allow_val_change):
        super().update(values)
config = Config()
class Run:
    def log(self, values, step):
        if len(TOLD) == int(os.environ.get("FAILS_AFTER", 1000)):
            raise ConnectionError("the network is\\ndown")
        TOLD.append((step, values))
    def finish(self):
        ENDED.append(True)
def init(**how):
    BEGUN.append(how)
    return Run()
"""
MLFLOW = """
import os
class utils:
    class validation:
        MAX_PARAM_VAL_LENGTH = 500
        MAX_PARAMS_TAGS_PER_BATCH = 100
PARAMS, TOLD, ENDED, PLACES = {}, [], [], []
def search_experiments(filter_string):
    return []
def create_experiment(name, artifact_location, tags):
    PLACES.extend([artifact_location, os.environ["MLFLOW_TRACKING_URI"]])
    return name
def start_run(**how):
    return how
def log_params(params):
    PARAMS.update(params)
def log_metrics(values, step):
    TOLD.append((step, values))
def end_run():
    ENDED.append(True)
"""


@pytest.fixture
def services(tmp_path, monkeypatch):
    """Packages of these services, as far as a run needs them."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name, source in (("wandb", WANDB), ("mlflow", MLFLOW)):
        (folder / f"{name}.py").write_text(source)
        monkeypatch.setitem(sys.modules, name, None)  # put back as it was, whatever comes
        del sys.modules[name]
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    return folder


@pytest.mark.usefixtures("services")
def test_wandb_hears_figures_in_one_run_however_often_it_is_gone_on_with(tmp_path):
    for step in (1, 2):
        tracker = Tracker("wandb", tmp_path / "run", {"steps": 12})
        tracker.log({"loss": 0.5}, step)
        tracker.close()
    import wandb

    first, second = wandb.BEGUN
    assert first == second
    assert (first["project"], first["name"], first["resume"]) == ("sfumato", "run", "allow")
    assert first["dir"] == str(tmp_path / "run")
    assert wandb.TOLD == [(1, {"loss": 0.5}), (2, {"loss": 0.5})]
    assert (wandb.config, len(wandb.ENDED)) == ({"steps": 12}, 2)


@pytest.mark.usefixtures("services")
def test_mlflow_keeps_what_it_hears_in_the_runs_folder(tmp_path):
    tracker = Tracker("mlflow", tmp_path / "run", {"steps": 12})
    tracker.log({"loss": 0.5, "metrics/mAP50(B)": 0.2}, 20)
    tracker.close()
    import mlflow

    assert mlflow.TOLD == [(20, {"loss": 0.5, "metrics/mAP50B": 0.2})]
    assert mlflow.PARAMS == {"steps": 12}
    assert [
        (tmp_path / "run/mlflow").as_uri(),
        f"sqlite:///{tmp_path}/run/mlflow.db",
    ] == mlflow.PLACES
    assert mlflow.ENDED == [True]


@pytest.mark.usefixtures("services")
def test_a_service_that_fails_is_said_once_and_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAILS_AFTER", "1")
    tracker = Tracker("wandb", tmp_path / "run", {})
    for step in range(4):
        tracker.log({"loss": 0.5}, step)
    tracker.close()
    import wandb

    assert len(wandb.TOLD) == 1
    assert capsys.readouterr().err == (
        "warning: wandb hears nothing from here on (the network is down); the run goes on\n"
    )


def test_a_package_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="pip install wandb"):
        check_tracker("wandb")
    check_tracker(None)
    check_tracker("tensorboard")
    path = write_settings(tmp_path / "config.yaml", settings("own.json", "val.json"))
    assert main(["finetune", str(path), "--logger", "wandb"]) == 2
    assert capsys.readouterr().err == (
        "sfumato-distill: --logger wandb needs its package; pip install wandb\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("services")
def test_a_fine_tuning_tells_what_it_measures_and_no_names_and_only_if_asked(tmp_path):
    own, val = (toy_dataset(tmp_path / name, 2, seed=0) for name in ("own", "val"))
    stage = {"name": "all", "trains": "head", "steps": 20, "lr": 1e-3, "strong_share": 0}
    content = settings(own, val, stages=[stage], evaluate_every=20, checkpoint_every=20)
    path = write_settings(tmp_path / "config.yaml", content | {"batch_size": 1})
    words = ["finetune", str(path), "--device", "cpu"]
    short = write_settings(tmp_path / "short.yaml", content | {"stages": [stage | {"steps": 1}]})
    assert main(["finetune", str(short), *words[2:], "--out", str(tmp_path / "alone")]) == 0
    assert not {"wandb", "mlflow"} & sys.modules.keys()
    assert main([*words, "--logger", "wandb"]) == 0
    import wandb

    assert [step for step, _ in wandb.TOLD] == [0, 20, 20]
    assert "val/mask_map" in wandb.TOLD[0][1]
    assert "train/loss" in wandb.TOLD[1][1]
    assert all(isinstance(value, float) for _, values in wandb.TOLD for value in values.values())
    assert str(tmp_path) not in str(wandb.config)
    assert main(words) == 0  # the finished run is the same without


@pytest.mark.slow
@pytest.mark.usefixtures("services")
def test_a_student_of_ultralytics_tells_figures_of_each_epoch(tmp_path, seeing_weights):
    labelled, val = (toy_dataset(tmp_path / name, 2, seed=0) for name in ("own", "val"))
    content = {
        "run": "run",
        "student": {"model": "yolo11n-seg", "classes": ["bottle"], "image_size": 64},
        "teacher": {"weights": str(seeing_weights)},
        "data": {"labelled": str(labelled), "val": str(val)},
        "schedule": {"epochs": 1, "images_per_epoch": 2, "batch_size": 2, "close_mosaic": 0},
        "distill": dict.fromkeys(("feature", "class_maps", "boxes", "masks"), 0),
        "logger": "wandb",
    }
    config = read_config(write_settings(tmp_path / "distill.yaml", content))
    train_student(config, "cpu")
    import wandb

    ((epoch, values),) = wandb.TOLD
    assert epoch == 1
    assert {"train/seg_loss", "lr/pg0", "metrics/mAP50-95M"} <= values.keys()
    assert all(isinstance(value, float) for value in values.values())
    assert wandb.ENDED == [True]
    assert "mlflow" not in sys.modules
    curves = config.model_copy(update={"logger": "tensorboard"})
    figures = EpochFigures(curves, StudentFolder(config.run), 1)
    figures.log(values, 1)
    figures.close()
    read = EventAccumulator(str(config.run / "tensorboard")).Reload()
    assert read.Scalars("train/seg_loss")[0].value == pytest.approx(values["train/seg_loss"])
