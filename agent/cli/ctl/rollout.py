"""`sfumato ctl rollout`: a model for a group of devices, in stages."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.rollout_drive import drive
from agent.cli.ctl.rollout_options import add_plan_arguments, plan_of
from agent.cli.ctl.rollout_text import document_of, lines_of, title_of
from agent.cli.printable import printable
from agent.errors import UnansweredError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from agent.fleet.rollout_file import RolloutState, Wish

_EPILOG = """\
  sfumato ctl rollout start cameras person-v5.sfm
  sfumato ctl rollout start cameras person-v5.sfm --to 1,10,100 --pause-after 1 --window 02:00-04:00
  sfumato ctl rollout status cameras
  sfumato ctl rollout resume cameras

A stage tells a share of the group's devices to run the bundle, which the repository has to offer
(`sfumato ctl repo add`). Devices fetch it, test it, run it for a while on probation, and go back by
themselves if it is worse. The next stage follows when --success % of those told so far run it. At
--abort-failed % of failures, of --min outcomes at least, the roll-out is aborted: nobody further
takes it, whoever has it keeps it, and whoever is just fetching it stops. A device that is told and
is not done within --timeout counts as timed out; it takes it all the same once it is back, unless
the roll-out ended before.

How far it is stands in a file. Ctrl-C, or whatever ends this program, leaves devices with what they
were told; `resume`, or the same `start` again, goes on. Devices that have a model of their own
(model/desired) are left out, and so are those that join the group later: their share takes it, and
is not counted.

exit codes: 0 done, or paused; 7 aborted, 8 too many devices timed out;
the others are those of `sfumato ctl --help`
"""
_HEED_S = 30.0
"""Within which a program that drives a roll-out does what another one wants. Chosen, not measured."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `rollout` and what stands below it; each sets `run(args) -> exit code`."""
    rollout = add_command(subparsers, "rollout", "bring a model to a group, in stages", _EPILOG)
    commands = rollout.add_subparsers(metavar="COMMAND", required=True)

    start = add_command(commands, "start", "begin, or go on with what was begun", _EPILOG)
    start.add_argument("group", metavar="GROUP")
    add_plan_arguments(start)
    start.set_defaults(run=_start)
    for name, said, run in (
        ("status", "how far it is", _status),
        ("pause", "begin no further stage", _pause),
        ("resume", "go on", _resume),
        ("abort", "have nobody further take it", _abort),
    ):
        command = add_command(commands, name, said)
        command.add_argument("group", metavar="GROUP")
        command.set_defaults(run=run)
    for command in commands.choices.values():
        command.add_argument(
            "--state", type=Path, metavar="FILE",
            help="how far it is (default: ~/.local/state/sfumato/rollouts/GROUP.json)",
        )  # fmt: skip
        add_connection_arguments(command)


def _start(args: argparse.Namespace) -> int:
    from agent.fleet.rollout_file import driven, read_rollout
    from agent.fleet.rollout_start import begin

    plan, path = plan_of(args), _path(args)
    connection = connection_of(args)
    with driven(path) as file:
        state = read_rollout(path)
        if state is None or state.is_over:
            state, own = begin(connection.client, connection.root, plan)
            if own:
                said = f"left out, for they have a model of their own: {', '.join(own)}"
                print(f"sfumato: warning: {printable(said)}", file=sys.stderr)
        elif state.plan != plan:
            raise UsageError(
                f"a roll-out of {state.plan.title} to {plan.group} is not over; `resume` or `abort` it"
            )
        elif state.state == "paused":
            raise UsageError(
                f"this roll-out is paused ({state.reason}); go on with `sfumato ctl rollout resume "
                f"{plan.group}`"
            )
        return drive(connection, state, file)


def _resume(args: argparse.Namespace) -> int:
    from agent.fleet.rollout_file import driven

    with driven(_path(args)) as file:
        state = _begun(args)
        if state.state == "paused":
            state = state.moved(state="running", reason="")
        return drive(connection_of(args), state, file)


def _abort(args: argparse.Namespace) -> int:
    from agent.fleet.rollout_file import driven, is_driven

    path = _path(args)
    if is_driven(path):
        return _ask(args, "abort", lambda state: state.is_over)
    with driven(path) as file:
        state = _begun(args).moved(state="aborted", reason="as asked for")
        drive(connection_of(args), state, file, is_asked=True)
    return 0


def _pause(args: argparse.Namespace) -> int:
    from agent.fleet.rollout_file import driven, is_driven

    path = _path(args)
    if is_driven(path):
        return _ask(args, "pause", lambda state: state.state != "running")
    with driven(path) as file:
        state = _begun(args)
        if state.state == "running":
            file.write(state.moved(state="paused", reason="as asked for"))
    return _status(args)


def _status(args: argparse.Namespace) -> int:
    from agent.fleet.rollout_file import is_driven

    state = _known(args)
    if getattr(args, "json", False):
        print(json.dumps({**document_of(state), "driven": is_driven(_path(args))}))
        return 0
    is_left = state.state == "running" and not is_driven(_path(args))
    left = "\nno program drives it now; go on with `resume`" if is_left else ""
    print("\n".join(lines_of(state)) + left)
    return 0


def _ask(args: argparse.Namespace, wish: Wish, heeded: Callable[[RolloutState], bool]) -> int:
    """Have the program that drives it do something, and wait until it did."""
    from agent.fleet.rollout_file import put_wish

    put_wish(_path(args), wish)
    deadline_s = time.monotonic() + _HEED_S
    while not heeded(_known(args)):
        if time.monotonic() > deadline_s:
            raise UnansweredError(
                f"the program that drives this roll-out did not {wish} it within {_HEED_S:g} s"
            )
        time.sleep(0.1)
    return _status(args)


def _path(args: argparse.Namespace) -> Path:
    """Of the state.

    Raises:
        UsageError: the group can't be one.
    """
    from agent.control.messages import DEVICE_PATTERN
    from agent.fleet.rollout_file import rollout_path

    if not re.fullmatch(DEVICE_PATTERN, args.group):
        raise UsageError(f"{args.group}: no group's name; they are of a-z, 0-9 and -")
    if args.state is not None:
        return Path(args.state)
    return rollout_path(args.group)


def _known(args: argparse.Namespace) -> RolloutState:
    from agent.fleet.rollout_file import read_rollout

    state = read_rollout(_path(args))
    if state is None or state.plan.group != args.group:
        raise UsageError(f"no roll-out to {args.group} was begun here ({_path(args)})")
    return state


def _begun(args: argparse.Namespace) -> RolloutState:
    state = _known(args)
    if state.is_over:
        raise UsageError(f"{title_of(state)}: it is over ({state.state.replace('_', ' ')})")
    return state
