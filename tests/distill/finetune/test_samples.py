"""Samples: which image comes when, and that nothing but its number decides how it looks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import settings, write_settings

from distill.data.coco import CocoDataset
from distill.errors import InputError
from distill.finetune.config import read_config
from distill.finetune.samples import Samples, Steps
from distill.finetune.sources import read_sources


@pytest.fixture
def mixed(own, public, val, tmp_path):
    """A run of three own images to one public."""
    content = settings(own, val, augmentation={"mixup": 0.5})
    content["data"]["public"] = {"annotations": str(public), "names": {"bottle": "flask"}}
    content["stages"] = [
        {
            "name": "mix",
            "trains": "all",
            "steps": 16,
            "lr": 1e-3,
            "own_share": 0.75,
            "strong_share": 0.5,
        },
        {"name": "own", "trains": "all", "steps": 4, "lr": 1e-3, "strong_share": 0},
    ]
    config = read_config(write_settings(tmp_path / "config.yaml", content))
    sources = read_sources(config)
    return config, lambda: Samples(config, sources.own, sources.public)


def equal(one, other):
    names = ("image", "masks", "labels", "areas", "ignore")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_a_sample_depends_on_its_number_alone(mixed):
    """In whatever order they are asked for, and whatever was asked before."""
    _, make = mixed
    forward, backward = make(), make()
    numbers = [0, 1, 5, 17, 30, 39]
    first = [forward[i].picture for i in numbers]
    second = [backward[i].picture for i in reversed(numbers)]
    assert all(map(equal, first, reversed(second)))
    assert not equal(first[0], first[1])


def test_another_seed_gives_other_samples(mixed):
    config, make = mixed
    sources = read_sources(config)
    other = Samples(config.model_copy(update={"seed": 1}), sources.own, sources.public)
    assert not equal(make()[3].picture, other[3].picture)


def test_shares_are_exact_and_every_image_has_its_turn(mixed, own):
    config, make = mixed
    samples = make()
    firsts = []
    for number in range(16, 32):  # the plain half of the stage, where a sample is one image
        paths = samples[number].picture.paths
        assert len(paths) == 1
        firsts.append(paths[0])
    assert sum(path.is_relative_to(own.parent) for path in firsts) == 12
    assert len({path for path in firsts if path.is_relative_to(own.parent)}) == 6
    assert all(
        path.is_relative_to(own.parent)
        for number in range(32, 40)
        for path in samples[number].picture.paths
    )
    assert len(samples) == config.steps * config.batch_size


def test_the_strong_part_has_mosaics_and_blends(mixed):
    counts = {len(mixed[1]()[number].picture.paths) for number in range(16)}
    assert {1, 4} < counts


def test_masks_boxes_and_sizes_agree(mixed):
    samples = mixed[1]()
    seen = 0
    for number in range(40):
        picture = samples[number].picture
        assert picture.image.shape == (3, 64, 64)
        assert picture.image.dtype == torch.uint8
        assert len(picture.masks) == len(picture.labels) == len(picture.boxes)
        for mask, box in zip(picture.masks, picture.boxes.int().tolist(), strict=True):
            rows, columns = np.nonzero(mask.numpy())
            assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            seen += 1
    assert seen > 20


def test_masks_lie_on_their_objects(own, val, tmp_path):
    """Bottles of the toy world are red, and nothing else is; whatever zoom, crop and mosaic do."""
    still = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "mixup": 0, "mosaic": 0.7}
    config = read_config(
        write_settings(tmp_path / "c.yaml", settings(own, val, augmentation=still))
    )
    samples = Samples(config, read_sources(config).own, ())
    overlap, either = 0, 0
    for number in range(24):
        picture = samples[number].picture
        red, green, _ = picture.image.int()
        is_red = (red - green) > 90
        marked = picture.masks.amax(0) > 0 if len(picture.masks) else torch.zeros_like(is_red)
        counted = picture.ignore == 0
        overlap += int((is_red & marked & counted).sum())
        either += int(((is_red | marked) & counted).sum())
    assert overlap / either > 0.95


def test_batches_are_shared_out_and_go_on_in_the_middle(mixed):
    config = mixed[0].model_copy(update={"batch_size": 4})
    whole = list(Steps(config, 0, 0, 1))
    assert whole[0] == [0, 1, 2, 3]
    assert [number for step in whole for number in step] == list(range(20 * 4))
    assert list(Steps(config, 7, 0, 1)) == whole[7:]
    halves = [list(Steps(config, 7, rank, 2)) for rank in range(2)]
    assert [one + other for one, other in zip(*halves, strict=True)] == whole[7:]


def test_an_image_that_breaks_later_is_replaced_by_the_next(own, val, tmp_path):
    dataset = CocoDataset.read(own)
    broken = tmp_path / "broken.png"
    broken.write_bytes(dataset.images[0].path.read_bytes()[:60])
    first = replace(dataset.images[0], path=broken)
    config = read_config(write_settings(tmp_path / "config.yaml", settings(own, val)))
    samples = Samples(config, (first, *dataset.images[1:]), ())
    problems = [line for number in range(8) for line in samples[number].problems]
    assert any(str(broken) in line for line in problems)
    with pytest.raises(InputError, match="in a row can't be read"):
        Samples(config, (first,), ())[0]


def test_images_of_a_rare_class_come_up_more_often(own, val, tmp_path):
    """One image of six has objects: by the formula it comes up sqrt(6) times as often."""
    content = settings(own, val)
    content["stages"] = [
        {"name": "own", "trains": "all", "steps": 7, "lr": 1e-3, "strong_share": 0}
    ]
    content["batch_size"] = 2
    config = read_config(write_settings(tmp_path / "config.yaml", content))
    records = read_sources(config).own
    records = (records[0], *(replace(record, annotations=()) for record in records[1:]))
    rare = records[0].path

    def shown(balance):
        data = config.data.model_copy(update={"balance": balance})
        samples = Samples(config.model_copy(update={"data": data}), records, ())
        firsts = [samples[number].picture.paths for number in range(14)]
        assert {len(paths) for paths in firsts} == {1}
        return [paths[0] for paths in firsts]

    plain, balanced = shown(0.0), shown(1.0)
    assert len(set(plain)) == len(set(balanced)) == 6
    assert 2 <= plain.count(rare) <= 3
    assert 4 <= balanced.count(rare) <= 6
    assert shown(1.0) == balanced
