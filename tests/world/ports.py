"""Ports for servers that are to listen later, or again, or not at all."""

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_given = set()
_locks = os.open(f"{tempfile.gettempdir()}/sfumato-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT)
"""A file of which each given port's byte is locked, by whichever process it was given to."""


def free_port():
    """A port of this machine that is given to no other test until this process ends.

    Nor to a connection by itself: who tries a port again and again at which nobody listens would
    in the end be given that one, and connect to itself.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, first)  # noqa: S311
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            fcntl.lockf(_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            _given.add(port)
            probe.bind(("127.0.0.1", port))
            return port
