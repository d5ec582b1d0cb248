"""`sfumato ctl cmd`: have devices do something, and wait until they did."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.ctl.text import check_devices, table, when
from agent.cli.printable import printable
from agent.errors import AbortedError, OutputError, UnansweredError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from agent.fleet.order import Order, Outcome

_EPILOG = """\
  sfumato ctl cmd ping gate-7
  sfumato ctl cmd pause gate-7 gate-8 stream=door
  sfumato ctl cmd snapshot gate-7 stream=door width=320 --out door.jpg
  sfumato ctl cmd logs gate-7 lines=50

A device that is away does it once it is back, if that is within --ttl. One that gives no answer by
then, and by the time that the command takes, counts as timed out.

commands, what they do and who may give them:

{ops}

exit codes: 0 all did it, 7 one refused or failed, 8 one gave no answer in time;
the others are those of `sfumato ctl --help`
"""
_DEFAULT_TTL_S = 30.0
"""Chosen, not measured: long enough for a device that just connects again, short enough for a person
who waits."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `cmd`."""
    from agent.fleet.op_args import described

    parser = add_command(
        subparsers, "cmd", "give a command to devices", _EPILOG.format(ops=described())
    )
    parser.add_argument("op", metavar="OP")
    parser.add_argument(
        "words", nargs="+", metavar="DEVICE|KEY=VALUE", help="devices, and what the command takes"
    )
    parser.add_argument(
        "--ttl", type=float, default=_DEFAULT_TTL_S, metavar="SECONDS",
        help="within which a device has to begin (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE.jpg",
        help="of snapshot; a folder for several devices (default: DEVICE-STREAM.jpg, here)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are there")
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.control.messages import MAX_TTL_S
    from agent.fleet.op_args import op_args
    from agent.fleet.order import Order, give

    devices = [*dict.fromkeys(word for word in args.words if "=" not in word)]
    taken = op_args(args.op, [word for word in args.words if "=" in word])
    if not devices:
        raise UsageError(f"{args.op}: to which devices? name one or more")
    check_devices(devices)
    if not 0 < args.ttl <= MAX_TTL_S:
        raise UsageError(f"--ttl {args.ttl:g}: should be above 0, and {MAX_TTL_S:g} at most")
    pictures = _picture_paths(args, devices, taken)
    connection = connection_of(args)
    order = Order(args.op, taken, devices, root=connection.root, ttl_s=args.ttl, key=connection.key)
    with connection.client([order.subscription]) as client, _Progress(order) as progress:
        give(client, order, progress.changed)
    _write_pictures(order, pictures, overwrite=args.overwrite)
    if connection.as_json:
        print(json.dumps(_document(order, pictures)))
    else:
        _print(order, pictures)
    _judge(order)
    return 0


class _Progress:
    """Shows how far it is: one device's states as lines, several devices' as a bar."""

    def __init__(self, order: Order) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that outlives the bar
        self._is_one = len(order.outcomes) == 1
        self._bar = tqdm(
            total=len(order.outcomes), unit=" devices", leave=False,
            disable=True if self._is_one else None,
        )  # fmt: skip

    def __enter__(self) -> _Progress:  # noqa: PYI034 nobody makes another of it
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def changed(self, outcome: Outcome) -> None:
        """One outcome is new."""
        if outcome.is_final:
            self._bar.update()
        elif self._is_one:
            said = outcome.state if outcome.error is None else printable(outcome.error.message)
            print(f"sfumato: {outcome.device}: {said}", file=sys.stderr)


def _picture_paths(
    args: argparse.Namespace, devices: Sequence[str], taken: Mapping[str, JsonValue]
) -> dict[str, Path]:
    """Where the pictures go, by device; checked before anybody is asked for one."""
    from agent.output_file import check_output_file

    if args.op != "snapshot":
        if args.out is not None:
            raise UsageError(f"--out is for snapshot; {args.op} makes no picture")
        return {}
    names = {device: Path(f"{device}-{taken['stream']}.jpg") for device in devices}
    if args.out is not None and len(devices) == 1 and not args.out.is_dir():
        names = dict.fromkeys(devices, args.out)
    elif args.out is not None:
        names = {device: args.out / name for device, name in names.items()}
    for path in names.values():
        check_output_file(path, overwrite=args.overwrite)
    return names


def _write_pictures(order: Order, pictures: Mapping[str, Path], *, overwrite: bool) -> None:
    import base64
    import binascii

    from agent.output_file import write_output_file

    for device, path in pictures.items():
        outcome = order.outcomes[device]
        if outcome.state != "done":
            continue
        try:
            data = base64.b64decode(str((outcome.result or {}).get("jpeg")), validate=True)
        except binascii.Error as error:
            raise OutputError(f"{path}: {device} sent no picture that can be read") from error
        write_output_file(path, data, overwrite=overwrite)


def _document(order: Order, pictures: Mapping[str, Path]) -> dict[str, object]:
    return {
        "op": order.op,
        "id": order.id,
        "devices": [
            {
                "device": outcome.device,
                "state": outcome.state,
                "result": _result(outcome, pictures),
                "error": outcome.error and outcome.error.model_dump(mode="json", exclude={"v"}),
            }
            for outcome in order.outcomes.values()
        ],
    }


def _result(outcome: Outcome, pictures: Mapping[str, Path]) -> dict[str, JsonValue] | None:
    """What it answered; a picture lies in its file by now."""
    if outcome.result is None or outcome.device not in pictures:
        return dict(outcome.result) if outcome.result is not None else None
    rest = {name: value for name, value in outcome.result.items() if name != "jpeg"}
    return {"file": str(pictures[outcome.device]), **rest}


def _print(order: Order, pictures: Mapping[str, Path]) -> None:
    done = [outcome for outcome in order.outcomes.values() if outcome.state == "done"]
    if order.op == "logs":
        for outcome in done:
            for line in _log_lines(outcome.result or {}):
                name = f"{outcome.device}: " if len(order.outcomes) > 1 else ""
                print(f"{name}{printable(line)}")
    elif len(order.outcomes) == 1:
        for outcome in done:
            for line in _answer_lines(_result(outcome, pictures) or {}):
                print(line)
    else:
        rows = [
            (outcome.device, outcome.state, _said(outcome, pictures))
            for outcome in order.outcomes.values()
        ]
        print(table(("DEVICE", "STATE", "ANSWER"), rows))


def _log_lines(result: Mapping[str, JsonValue]) -> Iterator[str]:
    lines = result.get("lines")
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, dict):
            ts, level, stream = line.get("ts"), line.get("level"), line.get("stream")
            at = when(ts) if isinstance(ts, int | float) else "-"
            about = f"{stream}: " if stream else ""
            yield from (f"{at} {level} {about}{each}" for each in str(line.get("text")).split("\n"))


def _answer_lines(result: Mapping[str, JsonValue]) -> Iterator[str]:
    for name, value in result.items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield printable(f"{name}: {said}")


def _said(outcome: Outcome, pictures: Mapping[str, Path]) -> str:
    if outcome.error is not None:
        return f"{outcome.error.code}: {outcome.error.message}"
    return ", ".join(_answer_lines(_result(outcome, pictures) or {})) or "-"


def _judge(order: Order) -> None:
    """End as the worst outcome demands.

    Raises:
        AbortedError: one refused or failed.
        UnansweredError: one gave no answer in time.
    """
    outcomes = [outcome for outcome in order.outcomes.values() if outcome.state != "done"]
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if not outcomes:
        return
    if len(order.outcomes) == 1:
        (outcome,) = outcomes
        said = "no answer in time; it may do it all the same"
        if outcome.error is not None:
            said = printable(f"{outcome.error.code}: {outcome.error.message}")
        said = f"{outcome.device}: {order.op}: {said}"
    else:
        late = len(outcomes) - len(failed)
        parts = [f"{len(failed)} failed"] * bool(failed) + [f"{late} gave no answer"] * bool(late)
        said = f"{order.op}: of {len(order.outcomes)} devices {' and '.join(parts)}"
    raise AbortedError(said) if failed else UnansweredError(said)
