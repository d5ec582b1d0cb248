"""`sfumato ctl collect`: write down every event of a fleet, once."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.text import check_devices
from agent.cli.printable import printable
from agent.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from agent.fleet.gaps import Ask, Lost

_EPILOG = """\
It runs until it is stopped, and goes on where it was when it is started again, however it ended: an
event is acknowledged only after it is on the disk, and the broker keeps the others under --name.
What got lost nevertheless, in a broker that was killed or had no room, or before there was a
collector, is asked for at the device, which says how far it counted, and keeps a day of it.

  sfumato ctl collect --out events.db
  sqlite3 events.db "SELECT device, datetime(ts, 'unixepoch'), kind, data FROM events"
  sfumato ctl collect --out events.jsonl gate-7 gate-8

FILE.db is SQLite: table `events` holds each event once, by device, epoch and seq; table `lost` what
no device had any more (`before` 1: from before anything was heard of it, so no loss). FILE.jsonl
holds the same as JSON, a line each; a lost one has the kind `lost`.

A broker that gives one name one connection, as that of configs/mosquitto, needs a certificate with a
name of the collector's own: `sfumato ctl provision person collector`.

With --shared, several collectors share the work; give each a --name, and all of them one FILE.db, on
one machine. With files of their own it takes all files to have all events, and much is asked for
twice, for each misses what the others have.
"""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `collect`."""
    parser = add_command(subparsers, "collect", "write down every event of a fleet, once", _EPILOG)
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="default: all")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.db|FILE.jsonl",
        help="goes on in it if it is there",
    )  # fmt: skip
    parser.add_argument(
        "--name", help="under which the broker keeps events meanwhile (default: this host's name)"
    )
    parser.add_argument("--shared", metavar="GROUP", help="of collectors that share the work")
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.fleet.collector import Collector, collector_filters
    from agent.fleet.event_files import open_event_file

    check_devices(args.devices)
    if args.shared is not None and args.name is None:
        raise UsageError("--shared needs --name, another one for each collector of the group")
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()) if args.name is None else args.name
    for option, value in (("--name", name), ("--shared", args.shared or name)):
        if not _NAME.fullmatch(value):
            raise UsageError(
                f"{option} {value}: should be of letters, digits, _ . and -, 64 at most"
            )
    connection = connection_of(args)
    filters = collector_filters(connection.root, args.devices, args.shared)
    file = open_event_file(args.out)
    try:
        with connection.client(filters, f"sfumato-collect-{name}") as client:
            said = _Said(args.out, as_json=connection.as_json)
            collector = Collector(client, file, connection.root, connection.key, said)
            while True:
                collector.turn()
    finally:
        file.close()


class _Said:
    """What a collector tells, as lines: for a person on standard error, for programs as JSON."""

    def __init__(self, path: Path, *, as_json: bool) -> None:
        self._path, self._as_json = path, as_json
        self._reason: str | None = None
        self._refused: dict[str, str] = {}

    def connected(self) -> None:
        """Events come."""
        self._reason = None
        self._say({"happened": "connected"}, f"collecting into {self._path}")

    def disconnected(self, reason: str) -> None:
        """No events come; said once for each reason."""
        if reason != self._reason:
            self._reason = reason
            said = f"no connection ({reason}); it is tried again"
            self._say({"happened": "disconnected", "reason": reason}, said)

    def wrote(self, count: int) -> None:
        """Events are on the disk; programs may want to know."""
        self._say({"happened": "wrote", "events": count}, None)

    def asked(self, ask: Ask) -> None:
        """Events are missing."""
        said = f"{ask.device}: asked for events {ask.first} to {ask.last} again"
        fields = {"epoch": ask.epoch, "from_seq": ask.first, "to_seq": ask.last}
        self._say({"happened": "asked", "device": ask.device, **fields}, said)

    def lost(self, lost: Lost) -> None:
        """Events are gone."""
        fields = {"epoch": lost.epoch, "from_seq": lost.first, "to_seq": lost.last}
        count = lost.last - lost.first + 1
        said = f"warning: {lost.device}: {count} events are lost, {lost.first} to {lost.last}"
        self._say(
            {"happened": "lost", "device": lost.device, **fields, "before": lost.before},
            None if lost.before else f"{said}: it no longer has them",
        )

    def passed_over(self, topic: str) -> None:
        """Something is no event."""
        self._say({"happened": "passed_over", "topic": topic}, f"warning: {topic}: can't be read")

    def refused(self, device: str, reason: str) -> None:
        """Said once for each device and reason."""
        if self._refused.get(device) != reason:
            self._refused[device] = reason
            said = f"warning: {device}: can't be asked for missing events ({reason})"
            self._say({"happened": "refused", "device": device, "reason": reason}, said)

    def _say(self, fields: dict[str, object], line: str | None) -> None:
        if self._as_json:
            print(json.dumps(fields), flush=True)
        elif line is not None:
            print(f"sfumato: {printable(line)}", file=sys.stderr)
