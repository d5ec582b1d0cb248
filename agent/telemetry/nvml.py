"""Nvml: power and temperature of NVIDIA's graphics cards, which the kernel doesn't tell.

The driver's own library tells them, and is asked by ctypes. A Jetson's answers "not supported", and
its rails and zones are in the kernel's files. Run with a library in C that answers as the header
says, never with a card.
"""

from __future__ import annotations

import ctypes
import threading
from typing import final

_LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0
_OF_THE_GPU = 0
"""NVML_TEMPERATURE_GPU, its only sensor."""


@final
class Nvml:
    """The library, opened when it is first asked; from any thread.

    Args:
        library: its file, or the name that the loader finds it by.
    """

    def __init__(self, library: str = _LIBRARY) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._cards: dict[str, ctypes.c_void_p] | None = None
        self._nvml: ctypes.CDLL | None = None

    def celsius(self) -> dict[str, float]:
        """Degrees by card, as in `gpu0`; empty where there is no library, or no card."""
        return self._read("nvmlDeviceGetTemperature", 1.0, ctypes.c_int(_OF_THE_GPU))

    def watts(self) -> dict[str, float]:
        """Watts by card, its memory and all."""
        return self._read("nvmlDeviceGetPowerUsage", 1e-3)

    def _read(self, function: str, unit: float, *arguments: ctypes.c_int) -> dict[str, float]:
        values: dict[str, float] = {}
        with self._lock:
            if self._cards is None:
                self._cards = self._open()
            for name, card in self._cards.items():
                value = ctypes.c_uint()
                if self._call(function, card, *arguments, ctypes.byref(value)):
                    values[name] = value.value * unit
        return values

    def _open(self) -> dict[str, ctypes.c_void_p]:
        """Handles of the cards, which are good as long as the process lives."""
        cards: dict[str, ctypes.c_void_p] = {}
        try:
            self._nvml = ctypes.CDLL(self._library)
        except OSError:  # no driver of NVIDIA's
            return cards
        count = ctypes.c_uint()
        if self._call("nvmlInit_v2") and self._call("nvmlDeviceGetCount_v2", ctypes.byref(count)):
            for index in range(count.value):
                card, number = ctypes.c_void_p(), ctypes.c_uint(index)
                if self._call("nvmlDeviceGetHandleByIndex_v2", number, ctypes.byref(card)):
                    cards[f"gpu{index}"] = card
        return cards

    def _call(self, function: str, *arguments: object) -> bool:
        """Whether it was answered; a library that is older or newer may not have the function."""
        try:
            return bool(getattr(self._nvml, function)(*arguments) == _SUCCESS)
        except AttributeError:
            return False
