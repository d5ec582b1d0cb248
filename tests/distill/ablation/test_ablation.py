"""An ablation, in a world where an arm's worth is known without a training."""

import json

import cv2
import pytest

from distill.ablation.ablation import ArmResult, run_ablation
from distill.ablation.arms import ARMS, arm_config, arms_named
from distill.ablation.summary import markdown, verdict
from distill.cli import main
from distill.errors import TrainingError, UsageError
from distill.files import sha256_of
from distill.student.config import read_config

TEACHER = {"name": "large", "sha256": "0" * 64, "mask_map": 0.5}


class World:
    """Trains at once; each arm and seed has a worth of its own."""

    def __init__(self, worth, fails=()):
        self.worth, self.fails, self.trained = worth, set(fails), []

    def train(self, config):
        arm = config.run.name
        if arm in self.fails:
            raise TrainingError(f"{arm}: masks is not finite")
        config.run.mkdir(parents=True, exist_ok=True)
        weights = config.run / "student.pt"
        if not weights.exists():
            self.trained.append(arm)
            weights.write_text(f"{arm} {self.trained}")
        return weights

    def measure(self, weights):
        return {"mask_map": self.worth[weights.parent.name], "sha256": sha256_of(weights)}


def worths(*rows):
    return {
        f"{arm.name}-seed{seed}": value
        for arm, row in zip(ARMS, rows, strict=False)
        for seed, value in enumerate(row)
    }


def results_of(*rows):
    return tuple(
        ArmResult(arm, tuple({"mask_map": value} for value in row))
        for arm, row in zip(ARMS, rows, strict=False)
    )


def test_each_arm_has_one_thing_more(tmp_path, config_of):
    config = config_of(tmp_path)
    on = []
    for arm in ARMS:
        run = arm_config(config, arm, 3, tmp_path / arm.name)
        weights = run.distill.weights().items()
        on.append((bool(run.data.pseudo), [name for name, weight in weights if weight]))
        assert (run.seed, run.steps, run.schedule) == (3, config.steps, config.schedule)
        assert run.student == config.student
    losses = ["feature", "class_maps", "boxes", "masks"]
    assert on == [
        (False, []),
        (True, []),
        (True, losses[:1]),
        (True, losses[:3]),
        (True, losses),
    ]


def test_arms_by_name():
    assert [arm.name for arm in arms_named("mask,gt")] == ["gt", "mask"]
    with pytest.raises(UsageError, match="no rung 'masks'; there are gt, pseudo"):
        arms_named("masks")


def test_an_arm_without_data_says_so(tmp_path, config_of, few, held_out):
    config = config_of(tmp_path, data={"labelled": str(few), "val": str(held_out)})
    with pytest.raises(UsageError, match=r"rung pseudo needs data\.pseudo"):
        arm_config(config, ARMS[1], 0, tmp_path)


def test_what_is_done_is_not_done_again(tmp_path, config_of):
    world = World(worths([0.1, 0.2], [0.3, 0.4]), fails={"pseudo-seed1"})
    config, arms = config_of(tmp_path), ARMS[:2]
    with pytest.raises(TrainingError, match="pseudo-seed1"):
        run_ablation(config, arms, 2, tmp_path / "ladder", world.train, world.measure, "test")
    assert world.trained == ["gt-seed0", "pseudo-seed0", "gt-seed1"]
    world.fails.clear()
    results = run_ablation(config, arms, 2, tmp_path / "ladder", world.train, world.measure, "test")
    assert world.trained == ["gt-seed0", "pseudo-seed0", "gt-seed1", "pseudo-seed1"]
    assert [result.values() for result in results] == [[0.1, 0.2], [0.3, 0.4]]


def test_figures_on_other_images_are_measured_anew(tmp_path, config_of):
    config, arms = config_of(tmp_path), ARMS[:1]
    for worth, test, wanted in ((0.1, "a", 0.1), (0.2, "a", 0.1), (0.3, "b", 0.3)):
        world = World(worths([worth]))
        (result,) = run_ablation(config, arms, 1, tmp_path / "l", world.train, world.measure, test)
        assert result.values() == [wanted]


def test_figures_of_other_weights_are_measured_anew(tmp_path, config_of):
    config, arms, folder = config_of(tmp_path), ARMS[:1], tmp_path / "l"
    world = World(worths([0.1]))
    run_ablation(config, arms, 1, folder, world.train, world.measure, "a")
    (folder / "gt-seed0/student.pt").unlink()
    world.worth = worths([0.2])
    (result,) = run_ablation(config, arms, 1, folder, world.train, world.measure, "a")
    assert world.trained == ["gt-seed0"] * 2
    assert result.values() == [0.2]


def test_mean_and_spread():
    (result,) = results_of([0.1, 0.2, 0.3])
    assert result.mean() == pytest.approx(0.2)
    assert result.spread() == pytest.approx(0.1)
    assert result.span() == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("control", "whole", "says"),
    [
        ([0.40, 0.42], [0.46, 0.48], "beats the control with pseudo-labels by more than seeds"),
        ([0.40, 0.44], [0.43, 0.45], "does NOT beat the control with pseudo-labels: +2.0 points"),
        # More than their standard deviation (2.8 points), less than they lie apart.
        ([0.40, 0.44], [0.44, 0.47], "does NOT beat the control with pseudo-labels: +3.5 points"),
        ([0.40], [0.48], "One seed has no spread"),
    ],
)
def test_the_verdict_is_in_words(control, whole, says):
    rows = [control] * 4 + [whole]
    sentences = verdict(results_of(*rows), 0.5)
    assert any(says in sentence for sentence in sentences), sentences
    assert sum("beat" in sentence for sentence in sentences) == (len(control) > 1)


def test_an_ablation_without_its_ends_has_a_verdict_too():
    labels, control, feature = results_of([0.1, 0.2], [0.3, 0.4], [0.5, 0.6])
    assert any("feature beats the control" in s for s in verdict((control, feature), 0.9))
    assert any("pseudo beats labels only" in s for s in verdict((labels, control), 0.9))
    assert not any("beat" in s for s in verdict((feature,), 0.9))


def test_the_table(tmp_path, config_of):
    results = results_of([0.10, 0.12], [0.30, 0.34], [0.3, 0.3], [0.3, 0.3], [0.44, 0.46])
    text = markdown(config_of(tmp_path), results, TEACHER, "3 images")
    assert "| labels only | 11.0 ± 1.4 |" in text
    assert "| the teacher, large | 50.0 |" in text
    assert "mask against labels only: +34.0 points (by seed: +34.0, +34.0)." in text
    assert "mask has 90.0 % of the teacher's mask mAP." in text
    assert "| 10.0 to 12.0 |" in text
    alone = markdown(config_of(tmp_path), results_of([0.10], [0.30]), TEACHER, "3 images")
    assert "worst to best" not in alone
    assert "| labels only | 10.0 |" in alone


def test_images_that_were_learned_from_are_no_test(tmp_path, settings_of, clips, capsys):
    words = ["ladder", str(settings_of(tmp_path)), "--out", str(tmp_path / "out")]
    assert main([*words, "--test", str(clips)]) == 3
    assert "5 more images are learned from and measured on" in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_ladder(tmp_path, settings_of, capsys):
    schedule = {"epochs": 1, "images_per_epoch": 4, "batch_size": 4, "close_mosaic": 0}
    path = settings_of(tmp_path, schedule=schedule)
    words = ["ladder", str(path), "--out", str(tmp_path / "out"), "--rungs", "gt,mask"]
    assert main([*words, "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "One seed has no spread" in said
    assert (tmp_path / "out/ladder.md").read_text("utf-8") in said
    content = json.loads((tmp_path / "out/ladder.json").read_bytes())
    assert content["rungs"].keys() == {"gt", "mask"}
    assert content["seeds"] == [0]
    assert content["config"]["distill"]["masks"] == 2
    assert cv2.imread(str(tmp_path / "out/ladder.png")).shape[1] > 800
    config = read_config(tmp_path / "out/gt-seed0/config.yaml")
    assert not config.data.pseudo
    assert not config.uses_teacher
