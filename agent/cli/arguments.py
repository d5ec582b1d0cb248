"""What several commands share: how they are registered, what to hide and how, the settings."""

from __future__ import annotations

import argparse
from typing import Any

from pydantic import ValidationError

from agent.errors import UsageError
from agent.settings import BlurSettings
from models.classes import split_names


def add_command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """A command with its help; `summary` begins with a small letter."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_hiding_arguments(parser: argparse.ArgumentParser) -> None:
    """What to hide, and how."""
    defaults = BlurSettings()
    what = parser.add_argument_group("what to hide, and how")
    what.add_argument(
        "--classes",
        metavar="A,B",
        help="default: all that the bundle offers; a name with a comma stands in quotes: 'car,\"cup, paper\"'",
    )
    what.add_argument(
        "--conf", type=float, metavar="P", help="score from which to hide (default: the bundle's)"
    )
    what.add_argument(
        "--effect",
        default=defaults.effect,
        help="blur (default), pixelate, solid or solid:RRGGBB; solid gives away the least",
    )
    what.add_argument("--shape", choices=("mask", "box"), default=defaults.shape)
    what.add_argument(
        "--margin",
        type=float,
        default=defaults.margin,
        metavar="SHARE",
        help="grow covers further, by this share of the object's longer side "
        "(default: %(default)s)",
    )


def settings_of(args: argparse.Namespace, **more: Any) -> BlurSettings:
    """The settings that the arguments make, where `more` says what they don't.

    Raises:
        UsageError: a value is out of its bounds; the option is named.
    """
    given = {name: getattr(args, name) for name in BlurSettings.model_fields if hasattr(args, name)}
    try:
        names = split_names(args.classes or "")
    except ValueError as error:
        raise UsageError(f"--classes: {error}") from error
    try:
        return BlurSettings(**{**given, "classes": names, **more})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"--{option} {first['input']}: {said}") from error
