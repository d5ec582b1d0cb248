"""What a run learns from: classes by name, public images by class, nothing measured twice."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from toys import settings, toy_dataset, write_settings

from distill.data.coco import CocoDataset
from distill.errors import InputError, UsageError
from distill.finetune.config import read_config
from distill.finetune.initial_weights import initial_network
from distill.finetune.sources import read_sources
from models.nets.checkpoint import save_safetensors
from models.nets.rtmdet_ins import RTMDetIns


def config_of(tmp_path, content):
    return read_config(write_settings(tmp_path / "config.yaml", content))


def test_a_public_class_may_have_another_name(own, public, val, tmp_path):
    content = settings(own, val)
    content["data"]["public"] = [{"annotations": str(public), "names": {"bottle": "flask"}}]
    sources = read_sources(config_of(tmp_path, content))
    assert (len(sources.own), len(sources.public), len(sources.val.images)) == (6, 5, 3)
    assert sources.lines()[1].startswith("public: 5 images, 5 objects")


def test_public_images_without_the_class_are_left_out(own, val, tmp_path):
    """Own images without it stay: they show what it is not."""
    path = toy_dataset(tmp_path / "some", 4, seed=9)
    content = json.loads(path.read_text())
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in (1, 3)]
    path.write_text(json.dumps(content))
    wanted = settings(own, val)
    wanted["data"] = {"own": [str(path)], "public": [str(path)], "val": str(val)}
    sources = read_sources(config_of(tmp_path, wanted))
    assert (len(sources.own), len(sources.public)) == (4, 2)


def test_a_class_that_a_file_lacks_is_said(own, public, val, tmp_path):
    content = settings(own, val)
    content["data"]["public"] = [str(public)]
    with pytest.raises(InputError, match="no class 'bottle'"):
        read_sources(config_of(tmp_path, content))


def test_images_may_not_be_learned_from_and_measured_on(own, tmp_path):
    with pytest.raises(InputError, match="learned from and measured on"):
        read_sources(config_of(tmp_path, settings(own, own)))


@pytest.mark.slow
def test_weights_for_other_classes_need_a_choice(own, val, tmp_path):
    save_safetensors(RTMDetIns("tiny", 2), tmp_path / "two.safetensors", ("can", "bottle"))
    content = settings(own, val)
    content["model"]["weights"] = "two.safetensors"
    with pytest.raises(UsageError, match="knows 2 classes"):
        initial_network(config_of(tmp_path, content).model, 0)
    content["model"]["head"] = "from:bottle"
    net = initial_network(config_of(tmp_path, content).model, 0).net
    assert net.classes == 1
    content["model"]["head"] = "fresh"
    assert initial_network(config_of(tmp_path, content).model, 0).net.classes == 1


def test_random_weights_are_the_seeds(own, val, tmp_path):
    model = config_of(tmp_path, settings(own, val)).model
    first, again, other = (
        initial_network(model, seed).net.bbox_head.rtm_cls[0].weight for seed in (0, 0, 1)
    )
    assert first.equal(again)
    assert not first.equal(other)


def spoilt(master, numbers):
    """Some of its images were cropped after they were labelled."""
    for record in (CocoDataset.read(master).images[i] for i in numbers):
        Image.open(record.path).crop((0, 0, 40, 40)).save(record.path)


def test_images_of_another_size_are_left_out_before_anything_is_learned(own, val, tmp_path):
    mine, held = (Path(shutil.copytree(one.parent, tmp_path / name)) / one.name
                  for one, name in ((own, "mine"), (val, "held")))  # fmt: skip
    content = settings(mine, held)
    spoilt(mine, (0, 3))
    spoilt(held, (1,))
    sources = read_sources(config_of(tmp_path, content))
    assert (len(sources.own), len(sources.val.images)) == (4, 2)
    assert sum("has 40x40 pixels, but was labelled" in line for line in sources.problems) == 3
    spoilt(held, (0, 2))
    with pytest.raises(InputError, match=r"none of 3 images can be used; the first: .*40x40"):
        read_sources(config_of(tmp_path, content))


def test_what_shows_nothing_is_not_learned_from(own, val, tmp_path):
    """Neither regions that don't count, nor images without objects."""
    for name, change in (("crowd", {"iscrowd": 1}), ("band", {"band": "review"}), ("none", None)):
        mine = Path(shutil.copytree(own.parent, tmp_path / name)) / own.name
        whole = json.loads(mine.read_text())
        whole["annotations"] = [a | change for a in whole["annotations"]] if change else []
        mine.write_text(json.dumps(whole))
        count = 6 if change else 0
        says = rf"none of 6 images to learn from shows a bottle \({count} regions don't count\)"
        with pytest.raises(InputError, match=says):
            read_sources(config_of(tmp_path, settings(mine, val)))
        content = settings(mine, val)
        content["data"] = {"own": [str(mine)], "public": [str(own)], "val": str(val)}
        with pytest.raises(InputError, match=says):  # no stage learns from them
            read_sources(config_of(tmp_path, content))
        content["stages"][0]["own_share"] = 0.5
        assert len(read_sources(config_of(tmp_path, content)).own) == 6
