"""Device nodes: the cameras and GPUs of /dev, whatever their names are on this board."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WANTED = (
    *("video*", "media*", "v4l-subdev*", "capture-*"),  # cameras
    *("nv*", "dri/render*", "host1x-*"),  # GPUs: CUDA opens the last ones on Jetson Linux 36 and 39
    *("v4l2-nv*", "dma_heap/*"),  # a Jetson's decoder and encoder, and memory that they share
)
"""Below /dev; each board and each release of Jetson Linux has others that begin with nv."""

_UNWANTED = ("nvme*", "nvram")
"""Disks, and the firmware's memory."""


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A character device.

    Attributes:
        name: as a process names it, below /dev.
    """

    name: str
    status: os.stat_result


def device_nodes(dev: Path) -> tuple[DeviceNode, ...]:
    """Those that are there, in the order of their names.

    Args:
        dev: the folder that is /dev.
    """
    return tuple(sorted(_below(dev, dev), key=lambda node: node.name))


def _below(folder: Path, dev: Path) -> Iterator[DeviceNode]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        path = folder / entry.name
        name = str(path.relative_to(dev))
        if any(fnmatch(name, pattern) for pattern in _UNWANTED):
            continue
        try:
            status = path.stat()
        except OSError:  # a link into nowhere
            continue
        if entry.is_dir(follow_symlinks=False):
            if status.st_dev == dev.stat().st_dev:  # no other file system
                yield from _below(path, dev)
        elif stat.S_ISCHR(status.st_mode) and any(fnmatch(name, each) for each in _WANTED):
            yield DeviceNode(f"/dev/{name}", status)
