"""`sfumato ctl devices`: what every device last told of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.text import table, when

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from agent.fleet.inventory import DeviceState

_EPILOG = """\
PRESENCE is online, clean (it was ended), lost (it vanished) or twin (two devices have its name).
STREAMS are those that run, of all. DRIFT says where its configuration is not the one that it should
have. SEEN is the newest time in what it told, once a minute while it is online: it has been there
until then at least.

  sfumato ctl devices
  sfumato ctl devices --json | jq -r '.[] | select(.presence != "online") | .device'
"""
_HEAD = ("DEVICE", "PRESENCE", "VERSION", "MODEL", "STREAMS", "DRIFT", "SEEN")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `devices`."""
    parser = add_command(subparsers, "devices", "list all devices and how they are", _EPILOG)
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.fleet.inventory import inventory

    connection = connection_of(args)
    found = inventory(connection.client, connection.root)
    if connection.as_json:
        print(json.dumps([device.to_json() for device in found]))
    else:
        print(table(_HEAD, map(_row, found)))
    return 0


def _row(device: DeviceState) -> Sequence[object]:
    from agent.fleet.inventory import model_of

    running, total = device.running
    return (
        device.name,
        device.presence,
        device.info.agent if device.info else "-",
        model_of(device.info) or "-",
        f"{running}/{total}",
        device.drift or "-",
        when(device.last_seen),
    )
