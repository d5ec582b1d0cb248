"""Stands for `tensorrt` in a process whose PYTHONPATH begins with the folder above."""

import os

from pycuda.driver import MACHINE
from simulated_tensorrt import SimulatedTensorRt

LIBRARY = SimulatedTensorRt(MACHINE)
LIBRARY.steps = int(os.environ.get("SIMULATED_STEPS", LIBRARY.steps))
globals().update(
    {name: getattr(LIBRARY, name) for name in dir(LIBRARY) if not name.startswith("_")}
)
__version__ = LIBRARY.__version__
