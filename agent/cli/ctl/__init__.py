"""`sfumato ctl`: the operator's side, a command for each thing that can be asked of a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl import (
    cmd,
    collect,
    config,
    console,
    devices,
    export,
    provision,
    repo,
    rollout,
    watch,
)
from agent.cli.ctl.connection import add_connection_arguments

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
  sfumato ctl --broker broker.example --ca ca.crt --cert ops.crt --key ops.key devices

The same may stand in ~/.config/sfumato/ctl.yaml, or in a file that --profile names; an option on
the command line wins, and may stand before or after the command:

  broker: broker.example
  ca: ca.crt
  cert: ops.crt
  key: ops.key
  sign: ops-signing.key

  sfumato ctl devices
  sfumato ctl watch gate-7
  sfumato ctl cmd pause gate-7 gate-8 stream=door
  sfumato ctl config set gate-7 night.yaml
  sfumato ctl rollout start cameras person-v5.sfm
  sfumato ctl collect --out events.db
  sfumato ctl export
  sfumato ctl console

A connection is encrypted, except to a broker on this machine for which no --ca and no --cert is given.

exit codes: 0 done, 2 invalid arguments, 3 the broker can't be reached or a file can't be read,
4 an output can't be written, 5 the signing key can't be used, 7 a device (or the broker) refused or
failed, 8 a device gave no answer in time, 130 stopped with Ctrl-C
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `ctl` and what stands below it; each sets `run(args) -> exit code`."""
    ctl = add_command(subparsers, "ctl", "see and steer a fleet of devices over MQTT", _EPILOG)
    add_connection_arguments(ctl)
    commands = ctl.add_subparsers(metavar="COMMAND", required=True)
    devices.add_parser(commands)
    watch.add_parser(commands)
    cmd.add_parser(commands)
    config.add_parser(commands)
    rollout.add_parser(commands)
    collect.add_parser(commands)
    export.add_parser(commands)
    console.add_parser(commands)
    provision.add_parser(commands)
    repo.add_parser(commands)
