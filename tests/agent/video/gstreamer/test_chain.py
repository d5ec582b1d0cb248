"""The pipelines, as texts."""

import re
from pathlib import Path

import pytest

import agent.video
from agent.video.gstreamer.chain import chains
from agent.video.gstreamer.library import gst


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_hardware_comes_first_and_software_last(codec):
    order = [chain.in_hardware for chain in chains(codec)]
    assert order == sorted(order, reverse=True)
    assert order.count(False) == 1


def test_every_chain_has_a_name_of_its_own():
    names = [f"{chain.codec} {chain}" for codec in ("h264", "hevc") for chain in chains(codec)]
    assert len(set(names)) == len(names) == 8


def test_a_decoder_of_hardware_writes_nv12():
    assert [str(chain) for chain in chains("h264")] == [
        "nvv4l2decoder ! nvvidconv",
        "nvh264dec ! cudaconvert ! cudadownload",
        "nvh264dec ! videoconvert",
        "avdec_h264 ! videoconvert",
    ]
    assert chains("h264")[0].description == (
        "appsrc name=in format=time max-bytes=0 ! h264parse ! nvv4l2decoder ! nvvidconv ! "
        "video/x-raw,format=(string)NV12 ! "
        "appsink name=out sync=false max-buffers=4 enable-last-sample=false"
    )


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_is_installed_takes_every_property(codec):
    software = chains(codec)[-1]
    assert gst().parse_launch(software.description)


def test_nothing_is_chosen_by_the_name_of_a_platform():
    platforms = re.compile(r"jetson|tegra|orin|xavier|thor\b|jetpack|l4t", re.IGNORECASE)
    for path in Path(agent.video.__file__).parent.rglob("*.py"):
        assert not platforms.search(path.read_text("utf-8")), path
