"""`sfumato ctl config`: which configuration a device has, and which one it shall have."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.documents import read_yaml, to_yaml
from agent.cli.ctl.text import check_devices
from agent.cli.printable import printable
from agent.errors import UnansweredError, UsageError

if TYPE_CHECKING:
    import argparse

    from agent.cli.ctl.connection import Connection
    from agent.fleet.client import Client
    from agent.fleet.drift import Drift

_EPILOG = """\
A device runs by its own file, over which lie the sections that it is told from afar, each given
whole; one that a file for `set` does not hold is taken back. They stand at the broker under a number, `rev`, also for a device that is away.

  sfumato ctl config get gate-7
  sfumato ctl config diff gate-7 night.yaml
  sfumato ctl config set gate-7 night.yaml

where night.yaml holds, as the device's own file does:

  streams:
    door: {source: "rtsp://10.0.0.5/stream1", effect: solid}
"""
_SET_EPILOG = """\
exit codes: 0 the device runs by it, 7 it refused (what is wrong is said, by key) and runs as before,
8 it has not said anything yet; the others are those of `sfumato ctl --help`
"""
_DEFAULT_TIMEOUT_S = 30.0
"""Chosen, not measured: a device applies it in a second or two."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `config` and what stands below it."""
    config = add_command(subparsers, "config", "see and set a device's configuration", _EPILOG)
    commands = config.add_subparsers(metavar="COMMAND", required=True)

    get = add_command(commands, "get", "print what a device shall run by, and what it reports")
    get.add_argument("device", metavar="DEVICE")
    get.set_defaults(run=_get)

    put = add_command(commands, "set", "have a device run by other sections", _SET_EPILOG)
    put.add_argument("device", metavar="DEVICE")
    put.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON: streams, telemetry")
    put.add_argument(
        "--timeout", type=float, default=_DEFAULT_TIMEOUT_S, metavar="SECONDS",
        help="for the device's report (default: %(default)g)",
    )  # fmt: skip
    put.set_defaults(run=_set)

    diff = add_command(
        commands, "diff", "print how what is differs from what shall be, as `diff -u` does"
    )
    diff.add_argument("device", metavar="DEVICE")
    diff.add_argument(
        "file", type=Path, nargs="?", metavar="FILE",
        help="what `set` would change; without it: how the device's report differs from what was set",
    )  # fmt: skip
    diff.set_defaults(run=_diff)
    for parser in (get, put, diff):
        add_connection_arguments(parser)


def _get(args: argparse.Namespace) -> int:
    connection, client = _client(args)
    with client:
        found = _found(args, connection, client)
    document = _document(args.device, found)
    for line in [json.dumps(document)] if connection.as_json else _lines(document):
        print(printable(line))
    return 0


def _set(args: argparse.Namespace) -> int:
    from agent.fleet.drift import check_applied, check_signed, desired_of, drift, put_desired

    sections = read_yaml(args.file)
    connection, client = _client(args)
    with client:
        client.connect()
        found = drift(client, connection.root)
        check_signed(found, args.device, signed=connection.key is not None)
        try:
            config = desired_of(
                sections, args.device, found.next_rev, signed=connection.key is not None
            )
        except UsageError as error:
            raise UsageError(f"{args.file}: {error}") from error
        reported = put_desired(
            client, config, args.device,
            root=connection.root, key=connection.key, timeout_s=args.timeout,
        )  # fmt: skip
    if connection.as_json:
        fields = reported.model_dump(mode="json", exclude={"v"})
        print(json.dumps({"device": args.device, **fields}))
    check_applied(reported, args.device, config.rev)
    if not connection.as_json:
        print(f"{args.device} runs by rev {reported.rev}")
        for key in reported.needs_restart:
            print(
                f"sfumato: {args.device}: {printable(key)} changes at its next start",
                file=sys.stderr,
            )
    return 0


def _diff(args: argparse.Namespace) -> int:
    from agent.fleet.drift import plain_desired, plain_reported

    sections = read_yaml(args.file) if args.file else None
    connection, client = _client(args)
    with client:
        found = _found(args, connection, client)
    if args.file:
        before, after = (found.desired.sections if found.desired else {}), sections
        names = f"{args.device} (desired)", str(args.file)
    else:
        before, after = dict(plain_reported(found)), dict(plain_desired(found))
        names = f"{args.device} (reported)", f"{args.device} (desired)"
    lines = [*difflib.unified_diff(_lines(before), _lines(after), *names, lineterm="")]
    if connection.as_json:
        document = {"device": args.device, "differs": bool(lines), "before": before, "after": after}
        print(json.dumps(document))
    else:
        for line in lines:
            print(printable(line))
    return 0


def _client(args: argparse.Namespace) -> tuple[Connection, Client]:
    from agent.fleet.drift import drift_filters

    check_devices([args.device])
    connection = connection_of(args)
    return connection, connection.client(drift_filters(connection.root, args.device))


def _found(args: argparse.Namespace, connection: Connection, client: Client) -> Drift:
    from agent.fleet.drift import drift

    client.connect()
    found = drift(client, connection.root)
    if found.desired is None and found.reported is None:
        raise UnansweredError(f"{args.device}: no such device has ever told the broker anything")
    return found


def _document(device: str, found: Drift) -> dict[str, object]:
    desired, reported = found.desired, found.reported
    return {
        "device": device,
        "desired": desired
        and {"rev": desired.config.rev, "signed": desired.signed, **desired.sections},
        "reported": reported and reported.model_dump(mode="json", exclude={"v"}),
    }


def _lines(value: object) -> list[str]:
    return to_yaml(value).splitlines() if value else []
