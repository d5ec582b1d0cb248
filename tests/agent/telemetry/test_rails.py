"""The power of boards that measure it, each by other names, and of those that don't."""

import boards
import pytest

from agent.telemetry.rails import rails


@pytest.mark.parametrize(
    ("make", "watts"),
    [
        (boards.orin_nano, {"VDD_IN": 5.04, "VDD_CPU_GPU_CV": 0.8, "VDD_SOC": 1.6}),
        (
            boards.agx_orin,
            {
                "VDD_GPU_SOC": 3.18976,
                "VDD_CPU_CV": 0.79744,
                "VIN_SYS_5V0": 3.42176,
                "NC": 0.0,
                "VDDQ_VDD2_1V8AO": 0.48384,
            },
        ),
        (
            boards.thor,
            {"VDD_GPU": 6.0, "VDD_CPU_SOC_MSS": 8.4, "VIN_SYS_5V0": 4.5, "VIN": 31.25},
        ),
        (boards.pc, {}),
        (boards.pc_with_nvidia, {}),
    ],
)
def test_rails_keep_their_names_and_what_is_absent_is_absent(tmp_path, make, watts):
    board = make(tmp_path / "root")
    assert rails(board.root / "sys") == pytest.approx(watts)
    assert board.machine.sensors.read().watts == pytest.approx(watts)


def test_two_cards_of_one_name_are_counted_together(tmp_path):
    board = boards.pc(tmp_path)
    for number, microwatts in enumerate((35_000_000, 41_000_000)):
        board.chip(number, name="amdgpu", power1_input=microwatts, power1_label="PPT")
    board.chip(7, name="corsairpsu", power1_input=120_000_000)
    board.chip(8, name="no number", power1_input="")
    assert rails(tmp_path / "sys") == {"PPT": 76.0, "corsairpsu": 120.0}


def test_a_rail_that_measures_half_is_none(tmp_path):
    board = boards.pc(tmp_path)
    board.rails(0, VDD_IN=(5000, 1000))
    (tmp_path / "sys/class/hwmon/hwmon0/curr1_input").unlink()
    assert rails(tmp_path / "sys") == {}
