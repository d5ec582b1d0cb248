"""Options of `sfumato ctl rollout start`: a roll-out's plan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from agent.fleet.rollout_plan import RolloutPlan

_TIMEOUT_S, _WINDOW_TIMEOUT_S = 2 * 3600.0, 26 * 3600.0
"""Chosen, not measured: a window comes once a day."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OPTIONS = {"group": "GROUP", "stages": "--to", "least": "--min", "timeout_s": "--timeout"}
"""By the name in the plan, where they differ."""


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """What is brought, and in which stages."""
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE.sfm", help="as the repository offers it"
    )
    add = parser.add_argument
    add("--to", type=_percents, default=(1.0, 5.0, 25.0, 100.0), metavar="P,P…",
        help="stages, in %% of the group (default: 1,5,25,100)")  # fmt: skip
    add("--success", type=float, default=95.0, metavar="P",
        help="%% that have to run it before the next stage (default: %(default)g)")  # fmt: skip
    add("--abort-failed", type=float, default=5.0, metavar="P",
        help="%% of failures that end it (default: %(default)g)")  # fmt: skip
    add("--min", type=int, default=3, metavar="N",
        help="outcomes before failures are looked at (default: %(default)s)")  # fmt: skip
    add("--timeout", type=_seconds, metavar="TIME",
        help="of each device, as in 90s, 30m, 2h, 1d (default: 2h, with --window 26h)")  # fmt: skip
    add("--pause-after", type=_percents, default=(), metavar="P,P…",
        help="stages after which it waits for `resume`")  # fmt: skip
    add("--window", metavar="HH:MM-HH:MM", help="UTC, in which devices may switch to it")


def plan_of(args: argparse.Namespace) -> RolloutPlan:
    """What the options ask for.

    Raises:
        UsageError: one of them is not valid.
        ModelError: the bundle can't be read.
    """
    from pydantic import ValidationError

    from agent.fleet.rollout_plan import RolloutPlan
    from models.claims import read_claims

    claims = read_claims(args.bundle)
    usual_s = _TIMEOUT_S if args.window is None else _WINDOW_TIMEOUT_S
    given = {
        "group": args.group,
        "window": args.window,
        "stages": args.to,
        "success": args.success,
        "abort_failed": args.abort_failed,
        "least": args.min,
        "timeout_s": args.timeout or usual_s,
        "pause_after": args.pause_after,
    }
    bundle = {
        "name": claims.manifest.name,
        "version": claims.manifest.version,
        "digest": claims.digest,
    }
    try:
        return RolloutPlan.model_validate({**bundle, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "stages"
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        raise UsageError(f"{option}: {first['msg'].removeprefix('Value error, ')}") from error


def _percents(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in text.split(","))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise ValueError(text)
    return float(found[1]) * _UNITS[found[2]]
