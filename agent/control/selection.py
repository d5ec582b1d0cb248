"""Selection: which devices of a group a stage of a roll-out is for, decided on each of them."""

from __future__ import annotations

import hashlib


def is_selected(device: str, percent: float, salt: str) -> bool:
    """Whether a device is among the first `percent` of all that there may be.

    The SHA-256 of salt and name decides, so who is selected at 5 % is at 25 %, too, and two
    roll-outs with other salts have nothing to do with each other.

    Args:
        percent: 0 to 100.
    """
    return share_of(device, salt) < percent / 100


def share_of(device: str, salt: str) -> float:
    """Where a device stands among all that there may be, 0 to 1."""
    first = hashlib.sha256(f"{salt}{device}".encode()).digest()[:8]
    return int.from_bytes(first, "big") / 2**64
