"""What a device is, by files as devices have them."""

import platform

import pytest

from agent.telemetry.hardware import Hardware

ORIN = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n"
XAVIER = "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, DATE: Tue Aug  1 19:57:35 UTC 2023\n"
NANO = "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, DATE: Sat Feb 19 17:05:08 UTC 2022\n"

PC = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R)  Processor @ 2.60GHz
stepping\t: 7
"""
JETSON_CPU = """\
processor\t: 0
BogoMIPS\t: 62.50
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd42
"""


@pytest.fixture
def device(tmp_path):
    def device(**files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        paths = {name: tmp_path / name for name in ("device_tree", "cpuinfo", "tegra_release")}
        return Hardware(**paths)

    return device


def test_a_board_is_named_by_its_device_tree(device):
    board = device(
        device_tree="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
        cpuinfo=JETSON_CPU,
    )
    assert board.name() == "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"


def test_a_pc_is_named_by_its_processor(device):
    assert device(cpuinfo=PC).name() == "Intel(R) Xeon(R) Processor @ 2.60GHz"


def test_what_tells_nothing_has_at_least_an_architecture(device):
    assert device(cpuinfo=JETSON_CPU).name() == platform.machine()
    assert device().name() == platform.machine()


@pytest.mark.parametrize(
    ("text", "release"), [(ORIN, "36.4.3"), (XAVIER, "35.4.1"), (NANO, "32.7.1")]
)
def test_a_jetson_has_a_release(device, text, release):
    assert device(tegra_release=text).l4t() == release


@pytest.mark.parametrize("text", ["", "# Leonardo (release)", "\xff\xfe"])
def test_others_have_none(device, text):
    assert device(tegra_release=text).l4t() is None
    assert Hardware(tegra_release=device().cpuinfo).l4t() is None


def test_this_machine_has_a_name():
    assert Hardware().name()
