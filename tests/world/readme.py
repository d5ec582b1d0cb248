"""Readme: the commands that it shows, a shell's line each."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")

_DEVICE = re.compile(r"^## Run it on a device\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of all but the device's, comments left out."""
    return [shlex.split(line, comments=True) for line in _lines(_DEVICE.sub("", README))]


def device_commands() -> list[str]:
    """What is said on a device, where it is run as a service."""
    return _lines(_DEVICE.findall(README)[0])


def _lines(text: str) -> list[str]:
    return "".join(_BLOCK.findall(text)).replace("\\\n", " ").splitlines()
