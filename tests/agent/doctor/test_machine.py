"""What boards and PCs say that they are."""

import boards
import pytest

from agent.doctor.machine import Machine


@pytest.mark.parametrize(
    ("make", "name", "system", "jetpack", "l4t", "driver", "python"),
    [
        (boards.orin_nano, "Orin Nano", "Ubuntu 22.04.5 LTS", 6, "36.4.3", "540.4.0", (3, 10)),
        (boards.agx_orin, "AGX Orin", "Ubuntu 24.04.3 LTS", 7, "39.2.0", "595.78", (3, 12)),
        (boards.thor, "AGX Thor", "Ubuntu 24.04.3 LTS", 7, "38.2.0", "580.00", (3, 12)),
    ],
)
def test_a_jetson(root, make, name, system, jetpack, l4t, driver, python):
    machine = make(root).machine
    assert name in machine.hardware.name()
    assert (machine.system, machine.jetpack, machine.hardware.l4t()) == (system, jetpack, l4t)
    assert (machine.driver, machine.python) == (driver, python)
    assert machine.is_jetson
    assert machine.has_nvidia_gpu
    assert machine.has_module("tensorrt")
    assert not machine.has_module("nothing")


def test_a_jetson_that_is_newer_than_this(root):
    board = boards.orin_nano(root)
    board.put("etc/nv_tegra_release", "# R41 (release), REVISION: 1.0, GCID: 1\n")
    assert board.machine.jetpack is None
    assert board.machine.is_jetson


def test_pcs(root, tmp_path):
    plain = boards.pc(root).machine
    assert (plain.is_jetson, plain.has_nvidia_gpu, plain.driver) == (False, False, None)
    nvidia = boards.pc_with_nvidia(tmp_path / "other").machine
    assert (nvidia.is_jetson, nvidia.has_nvidia_gpu, nvidia.driver) == (False, True, "550.54.15")


def test_where_there_is_nothing_nothing_is_known(tmp_path):
    machine = Machine(tmp_path)
    assert (machine.system, machine.python, machine.driver) == ("an unknown system", None, None)
    assert not machine.has_nvidia_gpu
