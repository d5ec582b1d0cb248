"""Settings: what is refused, and how it is said."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from distill.errors import UsageError
from distill.finetune.config import FinetuneConfig, read_config

GOOD = {
    "run": "runs/a",
    "model": {"classes": ["bottle"]},
    "data": {"own": ["own/train.json"], "val": "own/val.json"},
    "stages": [{"name": "all", "trains": "all", "steps": 10, "lr": 1e-3}],
}


def written(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text, "utf-8")
    return path


def test_relative_paths_are_beside_the_file(tmp_path):
    config = read_config(written(tmp_path, yaml.safe_dump(GOOD)))
    assert config.run == tmp_path / "runs" / "a"
    assert config.data.own[0].annotations == tmp_path / "own" / "train.json"
    assert config.data.val.annotations == tmp_path / "own" / "val.json"


def test_a_rate_without_a_point_is_a_number(tmp_path):
    """YAML 1.1 reads 1e-3 as text."""
    text = yaml.safe_dump(GOOD).replace("0.001", "1e-3")
    assert read_config(written(tmp_path, text)).stages[0].lr == 1e-3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 4}, "batch: there is no such setting; there is 'batch_size'"),
        ({"nonsense": 4}, "nonsense: there is no such setting"),
        ({"optimiser": {}}, "optimiser: there is no such setting; there is 'optimizer'"),
        (
            {"stages": [{**GOOD["stages"][0], "ownshare": 1}]},
            "stages.0.ownshare: there is no such setting; there is 'own_share'",
        ),
        ({"model": {"classes": ["bottle"], "image_size": 100}}, "model.image_size: 100: Input sh"),
        ({"model": {"classes": []}}, "model.classes: []"),
        ({"model": {"classes": ["a", "a"]}}, "model: classes has 'a' twice"),
        ({"model": {"classes": ["a"], "size": "xl"}}, "model.size: 'xl'"),
        ({"model": {"classes": ["a"], "head": "fresh"}}, "model.weights is empty"),
        ({"data": {"own": ["a.json"]}}, "data.val: has to be given"),
        ({"data": {"val": "v.json"}}, "own and public are both empty"),
        ({"stages": []}, "stages: []"),
        (
            {"data": {"own": {"annotations": "a.json", "names": {"botle": "b"}}, "val": "v.json"}},
            "names of a.json has 'botle', which is none of model.classes",
        ),
        (
            {
                "model": {"classes": ["bottle", "glass"]},
                "data": {
                    "own": "a.json",
                    "val": {"annotations": "v.json", "names": {"glass": "bottle"}},
                },
            },
            "names of v.json takes one of the file's classes for two of ours",
        ),
        ({"stages": [{"name": "a", "trains": "neck", "steps": 1, "lr": 1}]}, "stages.0.trains: 'n"),
        (
            {"stages": [{"name": "a", "trains": "all", "steps": 1, "lr": 0.1, "own_share": 0.5}]},
            "stage 'a' has own_share 0.5, but data.public is empty",
        ),
        ({"stages": [GOOD["stages"][0]] * 2}, "stages are named all, all"),
        ({"seed": -1}, "seed: -1"),
        ({"ema_momentum": float("nan")}, "ema_momentum: nan"),
    ],
)
def test_what_is_off_is_said_with_file_path_and_value(tmp_path, change, said):
    path = written(tmp_path, yaml.safe_dump({**GOOD, **change}))
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: a\nrun: b\n", "the key 'run' stands there twice, line 2"),
        ("model: {size: s, size: m}\n", "the key 'size' stands there twice"),
        ("run: [a\n", "no valid YAML"),
        ("- a\n", "holds no settings"),
        ("", "holds no settings"),
        ("run: !!python/object/apply:os.getcwd []\n", "no valid YAML"),
        ("run: \x00\n", "no valid YAML"),
    ],
)
def test_what_is_no_settings_file_is_said_in_a_line(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UsageError, match="can't be read"):
            read_config(path)


def test_every_setting_says_what_it_is():
    """Bounds are each field's own; a description every one has, but for what names itself."""

    def models(kind, seen):
        seen.add(kind)
        for field in kind.model_fields.values():
            for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
                    models(part, seen)
        return seen

    for kind in models(FinetuneConfig, set()):
        for name, field in kind.model_fields.items():
            nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            assert nested or field.description or name in {"own", "public", "stages"}, name


def test_settings_can_not_be_changed(tmp_path):
    config = read_config(written(tmp_path, yaml.safe_dump(GOOD)))
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 1
    assert isinstance(config.data.own, tuple)
    assert config.run == Path(config.run)
