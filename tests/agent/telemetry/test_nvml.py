"""NVML by a library in C that answers as its header says."""

import shutil
import subprocess

import pytest

from agent.telemetry.nvml import Nvml
from agent.telemetry.sensors import Sensors

LIBRARY = """
typedef struct card *card_t;
static int opened = 0;
int nvmlInit_v2(void) { return opened++ ? 99 : INIT; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, card_t *card) {
    *card = (card_t)(0x7fff00000000ul + index);  /* more than an int holds */
    return index == 1 ? 15 : 0;                  /* NVML_ERROR_GPU_IS_LOST */
}
static unsigned index_of(card_t card) { return (unsigned)((unsigned long)card - 0x7fff00000000ul); }
int nvmlDeviceGetPowerUsage(card_t card, unsigned *milliwatts) {
    *milliwatts = 61500 + index_of(card);
    return index_of(card) == 2 ? 3 : 0;          /* NVML_ERROR_NOT_SUPPORTED */
}
#ifndef OLD
int nvmlDeviceGetTemperature(card_t card, int sensor, unsigned *celsius) {
    *celsius = 40 + index_of(card);
    return sensor == 0 ? 0 : 2;
}
#endif
"""


@pytest.fixture
def library(tmp_path):
    """Builds one, with the compiler's options."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    (tmp_path / "nvml.c").write_text(LIBRARY)

    def build(*options):
        path = tmp_path / "libnvidia-ml.so.1"
        words = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *options, "-o", path]
        subprocess.run([*words, tmp_path / "nvml.c"], check=True)
        return str(path)

    return build


def test_each_card_tells_what_it_can(library, tmp_path):
    nvml = Nvml(library("-DINIT=0"))
    assert nvml.watts() == {"gpu0": 61.5}
    assert nvml.celsius() == {"gpu0": 40.0, "gpu2": 42.0}
    assert nvml.watts() == {"gpu0": 61.5}  # opened once
    readings = Sensors(tmp_path, tmp_path, tmp_path, nvml).read()
    assert (readings.watts, readings.celsius) == (nvml.watts(), nvml.celsius())


def test_an_older_library_lacks_a_function(library):
    nvml = Nvml(library("-DINIT=0", "-DOLD"))
    assert (nvml.celsius(), nvml.watts()) == ({}, {"gpu0": 61.5})


def test_a_driver_that_is_not_loaded(library):
    nvml = Nvml(library("-DINIT=9"))  # NVML_ERROR_DRIVER_NOT_LOADED
    assert (nvml.celsius(), nvml.watts()) == ({}, {})


def test_without_a_library_nothing_is_told():
    assert Nvml("libnothing-at-all.so.1").watts() == {}
