"""A network for other classes keeps what it knows of boxes and masks."""

import pytest
import torch

from models.errors import ModelError, UnknownClassError
from models.nets.head_choice import replace_head
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.state import without_aliases

KNOWN = ("person", "bottle", "cup", "can")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = RTMDetIns("tiny", classes=4).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    return net


def logits(net):
    torch.manual_seed(1)
    with torch.inference_mode():
        return net(torch.rand(1, 3, 64, 64)).class_logits


@pytest.mark.slow
def test_rows_of_known_classes_work_at_once(net):
    """The new classes answer what the old ones did, but for the order in which a CPU sums."""
    new = replace_head(net, KNOWN, ["my bottle", "my person"], "from:bottle,person")
    assert new.classes == 2
    assert not new.training
    for ours, before in zip(logits(new), logits(net), strict=True):
        torch.testing.assert_close(ours, before[:, [1, 0]])


def test_a_fresh_head_believes_little_of_everything(net):
    new = replace_head(net, KNOWN, ["bottle"])
    for layer in new.bbox_head.rtm_cls:
        assert layer.weight.shape == (1, 96, 1, 1)
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.3)
        assert layer.bias.sigmoid().item() == pytest.approx(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["fresh", "from:cup"])
def test_all_but_the_class_layer_is_kept_and_nothing_is_shared(net, head):
    before = {key: value.clone() for key, value in without_aliases(net.state_dict()).items()}
    new = replace_head(net, KNOWN, ["bottle"], head)
    after = without_aliases(new.state_dict())
    changed = {key for key in before if not torch.equal(after[key], before[key])}
    assert changed == {f"bbox_head.rtm_cls.{i}.{p}" for i in range(3) for p in ("weight", "bias")}
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.zero_()
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("head", "error", "message"),
    [
        ("from:botle", UnknownClassError, "did you mean 'bottle'"),
        ("from:bottle,cup", ModelError, "names 2 classes for a network of 1"),
        ("from:", ModelError, "neither 'fresh' nor like 'from:bottle'"),
        ("bottle", ModelError, "neither 'fresh' nor like"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(net, head, error, message):
    with pytest.raises(error, match=message):
        replace_head(net, KNOWN, ["bottle"], head)
