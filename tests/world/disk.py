"""Disk: what a program asks of a file system, call by call; and what a fault in each would leave.

A program runs once in a process whose calls are written down (strace). From that it is known what a
SIGKILL in any call leaves, and what a power cut does, where only that is kept which was waited for.
A call can also be made to fail, or to be the program's last, in a run of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHANGING = (
    *("write", "pwrite64", "ftruncate", "copy_file_range", "sendfile"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "symlink", "symlinkat"),
)
"""Calls that change a disk, or wait for it; and `openat`, where it makes a file."""

_SERVER = """
import ctypes, json, os, subprocess, sys, traceback
folder, program, *sys.path[:0] = sys.argv[1:]
space = {}
exec(program, space)
for line in sys.stdin:
    order = json.loads(line)
    (said, saying), (gate, opening) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)  # PR_SET_PTRACER: whoever wants
            os.read(gate, 1)  # until somebody listens
            os.writev(saying, [json.dumps(space["act"](order["folder"])).encode()])
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    os.close(saying)
    os.close(gate)
    words = ["strace", "-f", "-p", str(child), *order["strace"]]
    strace = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while (line := strace.stderr.readline()) and "attached" not in line:
        print(line, end="", file=sys.stderr)
    os.write(opening, b"x")
    os.close(opening)
    with os.fdopen(said) as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    strace.communicate()
    print(json.dumps([child, os.waitstatus_to_exitcode(status), answer]), flush=True)
"""

_LINE = re.compile(r"(?P<name>\w+)\((?P<args>.*)\) += (?P<result>-?\d+)(?P<where><[^>]*>)?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"|(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>')


@dataclass(frozen=True)
class Call:
    """One of them.

    Attributes:
        number: which of all calls of its name in the process it is, from 1 on.
        paths: below the folder; of a link what it leads to, and where it lies.
        data: that was written.
        truncates: whether it empties the file that it opens.
    """

    name: str
    number: int
    paths: tuple[str, ...]
    data: bytes = b""
    truncates: bool = False

    def __str__(self):
        return f"{self.name} {' '.join(self.paths)}"


class Disk:
    """Runs a program in processes whose calls can be seen, and can fail.

    Args:
        program: Python; `act(folder)` does it, and what that returns is said in JSON. All that it
            needs has to be imported before, and done once.
        folder: below which calls count.
    """

    def __init__(self, program, folder, *roots):
        if shutil.which("strace") is None:
            pytest.skip("needs strace")
        self.folder = folder
        self._log = folder.with_name(f"{folder.name}.calls")
        command = [sys.executable, "-c", _SERVER, str(folder), program, *map(str, roots)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def calls(self):
        """What the program said, and every call that it made."""
        said, code, child = self._run("-y", "-xx", "-s", str(1 << 20), "-e", _traced("openat"))
        assert code == 0
        return said, list(self._read(child))

    def with_fault(self, call, fault, *, on=False):
        """What it said, None if it was killed, and how it ended, when a call had this fault.

        Args:
            fault: `signal=KILL`, or as `error=ENOSPC`.
            on: so has every later call of its name.
        """
        inject = f"inject={call.name}:{fault}:when={call.number}{'+' * on}"
        said, code, _ = self._run("-e", _traced("openat"), "-e", inject)
        return said, code

    def _run(self, *options):
        order = {"folder": str(self.folder), "strace": ["-o", str(self._log), *options]}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        child, code, said = json.loads(self._server.stdout.readline())
        return json.loads(said) if said else None, code, child

    def _read(self, child):
        """Of the log, what the main thread asked of the folder."""
        numbers, begun = {}, {}
        for line in self._log.read_text().splitlines():
            pid, _, text = line.partition(" ")
            text = text.strip()
            if text.endswith("<unfinished ...>"):
                begun[pid] = text.removesuffix("<unfinished ...>")
                continue
            if text.startswith("<... "):
                text = begun.pop(pid) + text.partition("resumed>")[2]
            found = _LINE.match(text)
            if found is None or int(pid) != child:
                continue
            name, args = found["name"], found["args"]
            numbers[name] = numbers.get(name, 0) + 1
            if int(found["result"]) < 0 or (name == "openat" and "O_CREAT" not in args):
                continue
            call = self._call(name, numbers[name], args, int(found["result"]))
            if call is not None:
                yield call

    def _call(self, name, number, args, result):
        texts = _TEXT.findall(args)
        paths, data, at = [], b"", ""
        for text, descriptor, place in texts:
            if descriptor:
                at = _decoded(place).decode()
                if name in {"write", "pwrite64", "fsync", "fdatasync", "ftruncate"}:
                    paths.append(at)
            elif name in {"write", "pwrite64"}:
                data = _decoded(text)[:result]
            else:
                paths.append(str(Path(at) / _decoded(text).decode()))
        if name.startswith("symlink"):
            target = _decoded(texts[0][0]).decode()
            below = self._below(paths[-1])
            return Call(name, number, (target, below)) if below else None
        inside = tuple(self._below(path) for path in paths)
        return Call(name, number, inside, data, "O_TRUNC" in args) if all(inside) else None

    def _below(self, path):
        """Relative to the folder; empty: it is elsewhere."""
        whole = os.path.normpath(path)
        return os.path.relpath(whole, self.folder) if whole.startswith(f"{self.folder}") else ""


def _traced(*more):
    return f"trace={','.join((*CHANGING, *more))}"


def _decoded(text):
    return bytes.fromhex(text.replace("\\x", ""))


def tree_of(folder):
    """All that is below a folder, by path: bytes, what a link leads to, or None for a folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def write_tree(tree, folder):
    """Have a folder hold what `tree_of` has said."""
    folder.mkdir()
    for name, what in sorted(tree.items()):
        path = folder / name
        if what is None:
            path.mkdir()
        elif isinstance(what, bytes):
            path.write_bytes(what)
        else:
            path.symlink_to(what)


@dataclass
class _File:
    data: bytes = b""
    kept: bytes = b""


@dataclass
class _Link:
    target: str


@dataclass
class _Folder:
    entries: dict = field(default_factory=dict)
    kept: dict = field(default_factory=dict)


class Shadow:
    """A folder in memory, which goes through the calls of a program; what is there is on the disk."""

    def __init__(self, folder):
        self._root = _taken(folder)

    def do(self, call):
        """Go through a call."""
        name, paths = call.name, call.paths
        if name in {"fsync", "fdatasync"}:
            node = self._at(paths[0])
            node.kept = dict(node.entries) if isinstance(node, _Folder) else node.data
        elif name == "openat":
            where, last = self._parent(paths[0])
            file = where.entries.setdefault(last, _File())
            file.data = b"" if call.truncates else file.data
        elif name == "write":
            self._at(paths[0]).data += call.data
        elif name == "mkdir":
            where, last = self._parent(paths[0])
            where.entries[last] = _Folder()
        elif name == "symlink":
            where, last = self._parent(paths[1])
            where.entries[last] = _Link(paths[0])
        elif name == "rename":
            (source, first), (target, last) = (self._parent(path) for path in paths)
            target.entries[last] = source.entries.pop(first)
        elif name in {"unlink", "unlinkat", "rmdir"}:
            where, last = self._parent(paths[0])
            del where.entries[last]
        else:
            # One that an update has learned since: say here what a disk makes of it.
            raise AssertionError(f"no rule for {call}")

    def left_by_kill(self):
        """What is there when the process is killed now, as `tree_of` says it."""
        return dict(_walk(self._root, lambda node: node.entries, lambda file: file.data))

    def left_by_power_cut(self, *, names_first):
        """What is there when power fails now, and the disk has only what was waited for.

        Args:
            names_first: names are there all the same, and only contents are lost.
        """
        entries = (lambda node: node.entries) if names_first else (lambda node: node.kept)
        return dict(_walk(self._root, entries, lambda file: file.kept))

    def _at(self, path):
        if path == ".":
            return self._root
        where, last = self._parent(path)
        return where.entries[last]

    def _parent(self, path):
        node = self._root
        *folders, last = path.split("/")
        for name in folders:
            node = node.entries[name]
        return node, last


def _taken(path):
    if path.is_symlink():
        return _Link(str(path.readlink()))
    if path.is_dir():
        entries = {each.name: _taken(each) for each in path.iterdir()}
        return _Folder(entries, dict(entries))
    return _File(path.read_bytes(), path.read_bytes())


def _walk(folder, entries, data, below=""):
    for name, node in entries(folder).items():
        if isinstance(node, _Folder):
            yield f"{below}{name}", None
            yield from _walk(node, entries, data, f"{below}{name}/")
        else:
            is_link = isinstance(node, _Link)
            yield f"{below}{name}", node.target if is_link else data(node)
