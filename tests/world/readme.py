"""Readme: the commands that it shows, a shell's line each."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")

_DEVICE, _FLEET, _LOOP = (
    re.compile(rf"^## {title}\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
    for title in ("Run it on a device", "See and steer it over MQTT", "The whole loop")
)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of all but a device's, a fleet's and the whole loop's, comments left out."""
    return _words(_LOOP.sub("", _FLEET.sub("", _DEVICE.sub("", README))))


def device_commands() -> list[str]:
    """What is said on a device, where it is run as a service."""
    return _lines(_DEVICE.findall(README)[0])


def fleet_commands() -> list[list[str]]:
    """The words of what is said to a device over MQTT, comments left out."""
    return _words(_FLEET.findall(README)[0])


def fleet_settings() -> list[str]:
    """What a fleet's files hold, in YAML."""
    return _YAML.findall(_FLEET.findall(README)[0])


def loop_commands() -> list[list[str]]:
    """The words of what leads from clips to cameras, comments left out."""
    return _words(_LOOP.findall(README)[0])


def loop_settings() -> list[str]:
    """What a device's file holds for it, in YAML."""
    return _YAML.findall(_LOOP.findall(README)[0])


def _words(text: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in _lines(text)]


def _lines(text: str) -> list[str]:
    return "".join(_BLOCK.findall(text)).replace("\\\n", " ").splitlines()
