"""Schedule, optimizer, average: the numbers behind a step."""

import math
from itertools import pairwise

import pytest
import torch
from toys import settings

from distill.finetune.config import FinetuneConfig
from distill.finetune.ema import Ema
from distill.finetune.optimizer import build_optimizer, set_learning_rate, set_trained, trained
from distill.finetune.schedule import learning_rate, position_of
from models.nets.rtmdet_ins import RTMDetIns


@pytest.fixture(scope="module")
def net():
    return RTMDetIns("tiny", 1)


@pytest.fixture
def config():
    stages = [
        {"name": "head", "trains": "head", "steps": 20, "lr": 0.002},
        {"name": "all", "trains": "all", "steps": 80, "lr": 0.001, "backbone_lr_factor": 0.5},
    ]
    content = settings("own.json", "val.json", stages=stages, schedule={"warmup_steps": 10})
    return FinetuneConfig.model_validate(content)


def test_each_stage_warms_up_and_the_run_falls_along_a_cosine(config):
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.002 * 1e-5)
    assert rates[5] == pytest.approx(0.001, rel=1e-4)
    assert rates[10:20] == [0.002] * 10
    assert rates[20] == pytest.approx(0.001 * 1e-5)
    assert rates[30:51] == [0.001] * 21
    assert rates[75] == pytest.approx(0.001 * (0.05 + 0.95 / 2))
    assert all(later < earlier for earlier, later in pairwise(rates[50:]))
    assert rates[99] == pytest.approx(0.001 * 0.05, rel=0.05)


def test_places_follow_the_stages(config):
    assert [position_of(config, step)[::2] for step in (0, 19, 20, 99)] == [
        (0, 0), (0, 19), (1, 0), (1, 79),
    ]  # fmt: skip
    assert position_of(config, 83).strong
    assert not position_of(config, 84).strong
    with pytest.raises(ValueError, match="100 is not one of"):
        position_of(config, 100)


def test_every_parameter_is_optimized_once_and_norms_and_biases_do_not_decay(net, config):
    optimizer = build_optimizer(net, 0.05)
    every = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len({id(parameter) for parameter in every}) == len(every)
    assert {id(parameter) for parameter in every} == set(map(id, net.parameters()))
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert decay[id(net.backbone.stem[0].conv.weight)] == 0.05
    assert decay[id(net.backbone.stem[0].bn.weight)] == 0
    assert decay[id(net.bbox_head.rtm_cls[0].bias)] == 0
    set_learning_rate(optimizer, 0.001, config.stages[1])
    rates = {group["in_backbone"]: group["lr"] for group in optimizer.param_groups}
    assert rates == {True: 0.0005, False: 0.001}


def test_a_head_stage_freezes_the_rest_and_its_norms(net, config):
    set_trained(net, config.stages[0])
    assert set(map(id, trained(net))) == set(map(id, net.bbox_head.parameters()))
    assert not net.backbone.stem[0].bn.training
    assert not net.neck.out_convs[0].bn.training
    assert net.bbox_head.cls_convs[0][0].bn.training
    set_trained(net, config.stages[1])
    assert len(trained(net)) == len(list(net.parameters()))
    assert net.backbone.stem[0].bn.training


def test_a_long_run_has_the_originals_average():
    ema = Ema(torch.nn.Linear(1, 1), 2e-4, steps=1_000_000)
    for step in (0, 1000, 10_000):
        assert ema.weight(step) == pytest.approx(2e-4 + (1 - 2e-4) * math.exp(-(step + 1) / 2000))


def test_a_short_runs_average_forgets_its_start():
    """With the original's momentum, half of the average would still be the first weights."""
    net = torch.nn.Linear(1, 1)
    ema = Ema(net, 2e-4, steps=200)
    torch.nn.init.constant_(net.weight, 5.0)
    for step in range(200):
        ema.update(net, step)
    assert ema.net.weight.item() == pytest.approx(5.0, abs=1e-3)
    assert not ema.net.weight.requires_grad


def test_the_average_has_buffers_too():
    net = torch.nn.BatchNorm2d(1)
    ema = Ema(net, 0.5, steps=10**6)
    net.running_mean.fill_(8.0)
    net.num_batches_tracked.fill_(3)
    ema.update(net, 10**6)
    assert ema.net.running_mean.item() == pytest.approx(4.0)
    assert ema.net.num_batches_tracked.item() == 3
