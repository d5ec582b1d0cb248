"""Stands for `pycuda.driver`; a process that breaks a rule of it says so and ends with 86."""

import atexit
import os
import sys

from simulated_cuda import SimulatedCuda

MACHINE = SimulatedCuda()


def _check():
    try:
        MACHINE.check()
    except AssertionError as error:
        sys.stderr.write(f"simulated GPU: {error}\n")
        sys.stderr.flush()
        os._exit(86)


atexit.register(_check)
globals().update(
    {name: getattr(MACHINE, name) for name in dir(MACHINE) if not name.startswith("_")}
)
