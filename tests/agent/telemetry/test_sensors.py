"""Sensors of a Jetson, of a PC, and of a machine that has none."""

import os

import pytest

from agent.telemetry.sensors import Readings, Sensors


class Machine:
    """A folder that looks like the files of a device, links included."""

    def __init__(self, root):
        self.root = root
        self.sysfs = root / "sys"

    def put(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        return path

    def put_class(self, kind, number, **values):
        """A device below /sys/devices, and the link to it in its class."""
        for name, value in values.items():
            self.put(f"sys/devices/virtual/{kind}{number}/{name}", value)
        folder = self.sysfs / "class" / ("hwmon" if kind == "hwmon" else "thermal")
        folder.mkdir(parents=True, exist_ok=True)
        target = self.sysfs / "devices/virtual" / f"{kind}{number}"
        (folder / f"{kind}{number}").symlink_to(target)
        return target

    def zone(self, number, kind, millidegrees):
        return self.put_class("thermal_zone", number, type=kind, temp=millidegrees)

    def cooling(self, number, kind, state):
        self.put_class("cooling_device", number, type=kind, cur_state=state, max_state=10)

    def read(self):
        status, conf = self.root / "var/lib/nvpmodel/status", self.root / "etc/nvpmodel.conf"
        return Sensors(self.sysfs, status, conf).read()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_where_there_is_nothing_nothing_is_read(machine):
    assert machine.read() == Readings()


def test_temperatures_are_in_degrees_by_the_name_of_their_zone(machine):
    machine.zone(0, "cpu-thermal", 51_250)
    machine.zone(1, "gpu-thermal", -500)
    assert machine.read().celsius == {"cpu-thermal": 51.25, "gpu-thermal": -0.5}


def test_of_zones_with_one_name_the_hottest_counts(machine):
    for number, millidegrees in enumerate((-3000, 48_000, 41_000)):
        machine.zone(number, "acpitz", millidegrees)
    assert machine.read().celsius == {"acpitz": 48.0}


def test_a_zone_that_cannot_be_read_is_left_out(machine):
    machine.zone(0, "cpu-thermal", 50_000)
    machine.zone(1, "no number", "")
    broken = machine.zone(2, "answers EIO", 1) / "temp"
    broken.unlink()
    broken.symlink_to("/proc/self/mem")  # nothing is at address 0
    with pytest.raises(OSError, match="Input/output error"):
        broken.read_bytes()
    off = machine.zone(3, "answers EAGAIN", 1) / "temp"
    off.unlink()
    os.mkfifo(off)
    writer = os.open(off, os.O_RDWR)  # who could still write
    try:
        assert machine.read().celsius == {"cpu-thermal": 50.0}
    finally:
        os.close(writer)
    (machine.zone(4, "vanishes", 1) / "type").unlink()
    assert machine.read().celsius == {"cpu-thermal": 50.0}


def test_a_jetson_says_what_slows_it_and_fans_are_not_asked(machine):
    machine.cooling(0, "cpufreq-cpu0", 0)
    machine.cooling(1, "gpu-throttle-alert", 1)
    machine.cooling(2, "devfreq-17000000.gpu", 18)
    machine.cooling(3, "pwm-fan", 3)
    assert machine.read().throttled == {
        "cpufreq-cpu0": False,
        "gpu-throttle-alert": True,
        "devfreq-17000000.gpu": True,
    }


def test_one_throttled_core_of_a_pc_is_enough(machine):
    for number, state in enumerate((0, 3, 0)):
        machine.cooling(number, "Processor", state)
    machine.cooling(3, "intel_powerclamp", -1)
    machine.cooling(4, "TCC Offset", 5)
    assert machine.read().throttled == {"Processor": True}


def test_over_current_alarms_are_counted_by_alarm(machine):
    machine.put_class("hwmon", 0, name="ina3221", in1_input=5000)
    machine.put_class(
        "hwmon", 1, name="soctherm_oc", oc1_event_cnt=0, oc3_event_cnt=37, oc3_throt_en=1
    )
    assert machine.read().throttle_events == {"oc1": 0, "oc3": 37}


def test_a_package_is_throttled_as_often_as_any_of_its_cores_says(machine):
    for core, count in enumerate((4, 4, 6)):
        path = f"sys/devices/system/cpu/cpu{core}/thermal_throttle/package_throttle_count"
        machine.put(path, count)
    assert machine.read().throttle_events == {"cpu_package": 6}


def test_a_jetsons_power_mode_has_the_name_that_its_file_gives_it(machine):
    machine.put("var/lib/nvpmodel/status", "pmode:0002 fmode:fan_mode_quiet")
    assert machine.read().power_mode == "2"
    modes = ["< POWER_MODEL ID=0 NAME=15W >", "CPU_ONLINE CORE_0 1"]
    machine.put("etc/nvpmodel.conf", "\n".join([*modes, "< POWER_MODEL ID=2 NAME=MAXN_SUPER >"]))
    assert machine.read().power_mode == "MAXN_SUPER"
    machine.put("var/lib/nvpmodel/status", "pmode:0000")
    assert machine.read().power_mode == "15W"


def test_a_pcs_power_mode_is_its_platform_profile(machine):
    machine.put("sys/firmware/acpi/platform_profile", "balanced")
    assert machine.read().power_mode == "balanced"


def test_this_machine_can_be_read():
    assert isinstance(Sensors().read(), Readings)
