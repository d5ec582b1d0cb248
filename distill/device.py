"""Device: where a network runs."""

from __future__ import annotations

import torch

from distill.errors import UsageError


def device_of(name: str) -> torch.device:
    """The device of this name; `auto` is the first NVIDIA GPU if there is one, else the CPU.

    Raises:
        UsageError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"'{name}' is no device; take auto, cpu or cuda") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"this machine has no GPU '{name}' that PyTorch can use; take auto or cpu")
    return device
