"""A room from which nothing gets out: commands run in it, and what they try is written down.

`unshare --net --mount python silent_room.py` reads commands by name as JSON from stdin, runs one
after the other, and writes for each its exit code, what it said, the names that it looked up, what
it sent, and the files that it left in its home, among temporary files and where it was started, all
empty before.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1

RESOLVER = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}
"""Files of /etc that send every look-up to the name server below."""

COUNTERS = {"Tcp": "ActiveOpens", "Udp": "OutDatagrams", "Ip": "OutNoRoutes"}
"""What the kernel counts (/proc/net/snmp) of what is tried in a network namespace: connections begun,
datagrams sent, and packets for addresses beyond loopback."""


def furnish(folder: Path) -> None:
    """Have loopback up, and names asked of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some_socket:
        fcntl.ioctl(some_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    for name, content in RESOLVER.items():
        place = Path("/etc", name).resolve()
        if place.exists():
            (folder / name).write_text(content)
            subprocess.run(["mount", "--bind", folder / name, place], check=True)


class NameServer(threading.Thread):
    """Knows every name, at 127.0.0.1, and remembers which it was asked for."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            self.asked.append(".".join(labels))
            question = query[12 : at + 5]
            address = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"
            answer = address if question[-4:-2] == b"\0\1" else b""
            header = query[:2] + struct.pack(">5H", 0x8180, 1, bool(answer), 0, 0)
            self._socket.sendto(header + question + answer, sender)


def counted() -> dict[str, int]:
    """All of `COUNTERS` as they stand."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    found = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        counter = COUNTERS.get(names[0].rstrip(":"))
        if counter:
            found[counter] = int(values[names.index(counter)])
    return found


def observed(command: list[str], names: NameServer) -> dict[str, object]:
    """Run a command in folders of its own."""
    with tempfile.TemporaryDirectory() as place:
        home, temporary, here = folders = [Path(place, name) for name in ("home", "tmp", "here")]
        for folder in folders:
            folder.mkdir()
        before, asked = counted(), len(names.asked)
        done = subprocess.run(
            command,
            cwd=here,
            env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return {
            "code": done.returncode,
            "said": done.stderr,
            "names": names.asked[asked:],
            "sent": {key: n - before[key] for key, n in counted().items() if n != before[key]},
            "files": sorted(
                str(path.relative_to(place)) for folder in folders for path in folder.rglob("*")
            ),
        }


def main() -> None:
    commands = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        furnish(Path(folder))
        names = NameServer()
        names.start()
        json.dump({name: observed(words, names) for name, words in commands.items()}, sys.stdout)


if __name__ == "__main__":
    main()
