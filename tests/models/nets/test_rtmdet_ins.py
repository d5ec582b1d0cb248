"""The network's structure; its numbers are checked against the original in tests/distill/parity."""

import copy

import pytest
import torch
from torch import nn

from models.nets.dynamic import BIASES, PARAMETERS, WEIGHTS, mask_logits
from models.nets.priors import priors
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.sizes import SIZES


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return RTMDetIns("tiny", classes=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "parameters", "keys"),
    [
        ("tiny", 5_638_187, 546),
        ("s", 10_183_311, 582),
        ("m", 27_575_111, 762),
        ("l", 57_365_663, 942),
        ("x", 102_703_767, 1122),
    ],
)
def test_every_size_has_the_published_number_of_parameters_and_keys(size, parameters, keys):
    with torch.device("meta"):
        net = RTMDetIns(size, classes=80)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    assert len(net.state_dict()) == keys


def test_sizes_are_named_as_they_are_called():
    assert {name: size.name for name, size in SIZES.items()} == dict(zip(SIZES, SIZES, strict=True))


def test_every_batch_norm_has_the_epsilon_of_the_configs(tiny):
    norms = [module for module in tiny.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) > 50
    assert {norm.eps for norm in norms} == {1e-5}


def test_outputs_have_the_shapes_that_are_promised(tiny):
    with torch.inference_mode():
        raw = tiny.eval()(torch.zeros(2, 3, 64, 96))
    sizes = [(8, 12), (4, 6), (2, 3)]
    assert [x.shape for x in raw.class_logits] == [(2, 3, *size) for size in sizes]
    assert [x.shape for x in raw.distances] == [(2, 4, *size) for size in sizes]
    assert [x.shape for x in raw.kernels] == [(2, PARAMETERS, *size) for size in sizes]
    assert raw.mask_features.shape == (2, 8, 8, 12)
    assert all((x >= 0).all() for x in raw.distances)


def test_the_regression_tower_is_the_classification_tower(tiny):
    state = tiny.state_dict()
    aliases = [key for key in state if ".reg_convs." in key]
    assert len(aliases) == 36
    for key in aliases:
        assert state[key].data_ptr() == state[key.replace("reg_convs", "cls_convs")].data_ptr()
    first = state["bbox_head.cls_convs.0.0.conv.weight"]
    assert state["bbox_head.cls_convs.2.0.conv.weight"].data_ptr() == first.data_ptr()
    kernels = "bbox_head.kernel_convs.{}.0.conv.weight"
    assert state[kernels.format(0)].data_ptr() != state[kernels.format(1)].data_ptr()


def test_what_is_shared_stays_shared_in_a_copy(tiny):
    state = copy.deepcopy(tiny).state_dict()
    first, last = (state[f"bbox_head.cls_convs.{level}.1.conv.weight"] for level in (0, 2))
    assert first.data_ptr() == last.data_ptr()


def test_the_shared_tower_counts_each_batch_twice():
    """The original runs it for classes and again for boxes."""
    torch.manual_seed(0)
    net = RTMDetIns("tiny", classes=1).train()
    norm = net.bbox_head.cls_convs[1][0].bn
    seen = []
    norm.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    net(torch.randn(2, 3, 64, 64))
    (x,) = seen
    twice = nn.BatchNorm2d(x.shape[1], eps=1e-5, momentum=0.1).train()
    twice(x)
    twice(x)
    torch.testing.assert_close(norm.running_mean, twice.running_mean)
    torch.testing.assert_close(norm.running_var, twice.running_var)
    assert norm.num_batches_tracked == 2


def test_a_fresh_head_expects_next_to_nothing_and_boxes_of_a_stride(tiny):
    with torch.inference_mode():
        raw = copy.deepcopy(tiny).eval()(torch.zeros(1, 3, 64, 64))
    assert raw.class_logits[0].sigmoid().mean() == pytest.approx(0.01, rel=0.2)
    assert raw.distances[2].mean() == pytest.approx(32, rel=0.2)


def test_priors_stand_at_the_top_left_of_their_cells():
    grid = priors((2, 3), 16, "cpu", torch.float32)
    assert grid.tolist()[:4] == [[0, 0, 16, 16], [16, 0, 16, 16], [32, 0, 16, 16], [0, 16, 16, 16]]


def test_weights_come_before_biases_and_coordinates_before_features():
    """Each value of the kernel on its own moves what it should, and nothing else."""
    features = torch.arange(8.0).reshape(8, 1, 1).expand(8, 2, 2).contiguous()
    at = torch.tensor([[16.0, 24.0, 8.0, 8.0]])

    def value(where, amount=1.0):
        kernel = torch.zeros(1, PARAMETERS)
        kernel[0, [0, 80, 144]] = 1.0  # first channel straight through all layers
        kernel[0, 0] = 0.0
        kernel[0, where] = amount
        return mask_logits(features, kernel, at)[0, 1, 0].item()

    assert (WEIGHTS, BIASES) == ((80, 64, 8), (8, 8, 1))
    assert value(0) == pytest.approx((16 - 0) / 64)  # x of the prior less x of the cell
    assert value(1) == pytest.approx((24 - 8) / 64)  # y
    assert value(2 + 5) == 5  # the sixth feature
    assert value(152, 7) == 7  # bias of the first layer
    assert value(160, 7) == 7  # of the second
    assert value(168, -7) == -7  # of the last, which has no relu
