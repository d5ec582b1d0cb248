"""What several test files of distill need."""

import contextlib
import io

import numpy as np
import pytest
import torch
from torch import nn

from distill.cli import main
from models.decode.rtmdet_ins import input_spec
from models.nets.checkpoint import save_safetensors
from models.nets.rtmdet_ins import RTMDetIns
from models.preprocess import preprocess
from tests.distill.yolos import write_coco_weights

NAMES = ("bottle", "can", "cup")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny networks gain nothing from more, and on a busy machine they wait for one another."""
    torch.set_num_threads(1)


def picture(seed, height=96, width=128):
    """RGB: coloured rectangles before noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 64, (height, width, 3))
    for _ in range(8):
        y, x = rng.integers(0, height - 8), rng.integers(0, width - 8)
        down, across = rng.integers(8, 48, 2)
        image[y : y + down, x : x + across] = rng.integers(0, 256, 3)
    return image.astype(np.uint8)


@pytest.fixture(scope="session")
def pictures():
    """Images of different sizes and shapes."""
    return [picture(0), picture(1, 128, 70), picture(2, 200, 300)]


def seeing_network():
    """An untrained tiny RTMDet-Ins whose signals neither vanish nor grow: it sees something."""
    torch.manual_seed(0)
    net = RTMDetIns("tiny", classes=len(NAMES))
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    for regress, classify in zip(net.bbox_head.rtm_reg, net.bbox_head.rtm_cls, strict=True):
        nn.init.normal_(regress.weight, std=0.05)
        nn.init.constant_(regress.bias, 2.0)
        nn.init.normal_(classify.weight, std=0.15)
        nn.init.constant_(classify.bias, -2.0)
    for norm in norms:
        norm.momentum = None  # statistics of all that was seen, not of the latest
    fed = [preprocess(picture(seed, 192, 256), input_spec(256))[0] for seed in range(4)]
    with torch.no_grad():
        net.train()(torch.from_numpy(np.concatenate(fed)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return net.eval()


@pytest.fixture(scope="session")
def seeing_net():
    return seeing_network()


@pytest.fixture(scope="session")
def seeing_weights(seeing_net, tmp_path_factory):
    """Its weights in a file, for images of 128 px."""
    path = tmp_path_factory.mktemp("weights") / "seeing.safetensors"
    save_safetensors(seeing_net, path, NAMES, source="a.pth", image_size=128)
    return path


@pytest.fixture(scope="session")
def seeing_export(seeing_weights):
    """The same as ONNX, through the command (it takes seconds): the file, and what was printed."""
    path = seeing_weights.with_suffix(".onnx")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["teacher", "export", str(seeing_weights), str(path), "--check"]) == 0
    return path, said.getvalue()


@pytest.fixture(scope="session")
def yolo(data, tmp_path_factory):
    """YOLOv8n-seg with its published weights, in float32, as Ultralytics would have saved it."""
    path = tmp_path_factory.mktemp("yolo") / "yolov8n-seg.pt"
    write_coco_weights(data, path)
    return path
