"""`sfumato doctor`: what this machine has, what it lacks, and which command mends that."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.printable import printable
from agent.errors import AgentError, OutputError, UsageError
from models.errors import ModelError

if TYPE_CHECKING:
    import argparse

    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig
    from agent.control.broker import Broker
    from agent.doctor.configured import Configured
    from agent.doctor.finding import Finding
    from models.bundle import Bundle

_CONFIG = Path("/etc/sfumato/agent.yaml")
_LACKING = 9

_EPILOG = """\
It looks, and changes nothing. Below what is missing stands the command that mends it. As root it
sees all; what it says of files and devices is said of the service's user where the service is
installed, else of who runs it. A broker is connected to, and told nothing.

  sfumato doctor
  sudo sfumato doctor --config /etc/sfumato/agent.yaml --json
  sudo sfumato doctor --write-drop-in     # so that the service may open the devices that are there

exit codes: 0 nothing is missing that is needed here, 9 something is; 2 invalid arguments, 4 the
drop-in can't be written
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `doctor`."""
    summary = "say what this machine has for Sfumato, and what it lacks"
    parser = add_command(subparsers, "doctor", summary, _EPILOG)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="AGENT.yaml",
        help=f"what the machine is to do (default: {_CONFIG}, if there is one)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--write-drop-in",
        type=Path,
        nargs="?",
        const=True,
        metavar="FILE",
        help="write the list of devices that the service may open, and do nothing else",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.write_drop_in is not None:
        return _write_drop_in(None if args.write_drop_in is True else args.write_drop_in)
    from agent.doctor.checkup import checkup
    from agent.doctor.interpreter import Interpreter
    from agent.doctor.machine import Machine
    from agent.doctor.told import conclusion, document_of, heading, lacks, lines_of
    from agent.release import VERSION
    from agent.wall_clock import WallClock

    machine = Machine()
    told = args.config or (_CONFIG if _CONFIG.exists() else None)
    device = machine.hardware.name()
    if not args.json:
        print(printable(heading(VERSION, device)))
    configured, unreadable = _configured(told) if told else (None, [])
    findings: list[Finding] = []
    looking = checkup(machine, Interpreter.of_process(), WallClock(), configured)
    for finding in chain(unreadable, looking):
        findings.append(finding)
        for line in () if args.json else lines_of(finding):
            print(printable(line), flush=True)  # the next one may wait for a driver that hangs
    if args.json:
        print(json.dumps(document_of(findings, VERSION, device), indent=2))
    else:
        print(conclusion(findings))
    return _LACKING if lacks(findings) else 0


def _write_drop_in(path: Path | None) -> int:
    from agent.doctor.device_nodes import device_nodes
    from agent.doctor.drop_in import DROP_IN, drop_in
    from agent.output_file import write_output_file

    path = path or DROP_IN
    nodes = device_nodes(Path("/dev"))
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: {error.strerror}; is the service installed?") from error
    write_output_file(path, drop_in(nodes).encode(), overwrite=True)
    print(f"{path} lets the service open {len(nodes)} devices; it counts after:")
    print("  systemctl daemon-reload && systemctl try-restart sfumato-agent")
    return 0


def _configured(path: Path) -> tuple[Configured | None, list[Finding]]:
    """What a configuration leads to; where it can't be read, a finding of that."""
    from agent.config.loading import load
    from agent.config.secrets import Secrets
    from agent.config.state_folder import state_folder
    from agent.doctor.configured import CREDENTIALS, Configured
    from agent.doctor.finding import Finding

    try:
        config = load(path, None).config
    except UsageError as error:
        first = str(error).splitlines()[0]
        command = f"sfumato config check {path}"
        return None, [Finding("config", "missing", first, command, needed=True)]
    given = os.environ.get("CREDENTIALS_DIRECTORY") or CREDENTIALS
    secrets = Secrets(os.environ, Path(given))
    return Configured(
        path, config, state_folder(path), _bundle(config), _broker(config, secrets)
    ), []


def _bundle(config: AgentConfig) -> Bundle | str:
    from agent.service.admitted import verified

    try:
        return verified(config.model)
    except ModelError as error:
        return str(error)


def _broker(config: AgentConfig, secrets: Secrets) -> Broker | str | None:
    from agent.service.reach import terms_of

    try:
        terms = terms_of(config, secrets)
    except AgentError as error:
        return secrets.hide(str(error))
    return None if terms is None else terms.broker
