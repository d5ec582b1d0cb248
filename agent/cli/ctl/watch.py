"""`sfumato ctl watch`: what one device tells, as it tells it."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.text import check_devices
from agent.cli.printable import printable

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
Shown at once is how the device is, then what changes: its presence, the states of its streams, its
configuration and model, its events, and once a minute its counts. Ctrl-C ends it.

  sfumato ctl watch gate-7
  sfumato ctl watch gate-7 --json | jq 'select(.topic | startswith("evt/"))'

--json prints a line each: {"topic", "retained", "payload"}
"""
_TURN_S = 1.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `watch`."""
    parser = add_command(subparsers, "watch", "show what a device tells, as it does", _EPILOG)
    parser.add_argument("device", metavar="DEVICE")
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.control.delivery import Received
    from agent.fleet.client import Connected, Disconnected
    from agent.fleet.sayings import Sayings, watch_filters

    check_devices([args.device])
    connection = connection_of(args)
    sayings = Sayings(connection.root)
    with connection.client(watch_filters(connection.root, args.device)) as client:
        client.connect()
        while True:
            happening = client.next(_TURN_S)
            if isinstance(happening, Received):
                if connection.as_json:
                    print(json.dumps(sayings.document(happening)), flush=True)
                else:
                    _print(sayings.lines(happening))
            elif isinstance(happening, Disconnected):
                print(
                    f"sfumato: {printable(client.unreachable(happening.reason))}", file=sys.stderr
                )
            elif isinstance(happening, Connected):
                print("sfumato: connected again", file=sys.stderr)


def _print(lines: list[str]) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    for line in lines:
        print(f"{now}  {printable(line)}", flush=True)
