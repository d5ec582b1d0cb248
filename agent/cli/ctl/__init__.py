"""`sfumato ctl`: the operator's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl import provision

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `ctl` and what stands below it; each sets `run(args) -> exit code`."""
    ctl = add_command(subparsers, "ctl", "see to a fleet of devices, as its operator")
    commands = ctl.add_subparsers(metavar="COMMAND", required=True)
    provision.add_parser(commands)
