"""What several commands share: how they are registered, what to hide and how, the settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agent.errors import UsageError
from agent.redact.class_words import is_readable
from agent.redact.effect import MAX_CELLS, MAX_FACE_CELLS, MIN_BLUR_PX
from agent.settings import BlurSettings
from models.classes import split_names

if TYPE_CHECKING:
    from collections.abc import Iterable


_HOW = f"""\
auto is blur, but solid for classes named plate, text, screen, card, document or the like, and for
what is smaller than {MIN_BLUR_PX} px; an effect that is named holds for all. blur and pixelate leave at most
{MAX_CELLS} cells along an object, {MAX_FACE_CELLS} along a face or head. That is unreadable, not anonymous: of 447 faces a
detector found none again where people were covered, 21 % where only the faces were; but 25 of 46
people were known again within a video by the colours of their clothes (solid: 3), any face was
picked out of 39 pictures, and a plate out of 60 in 97 % (solid: 2 %). pixelate is the weakest: it
leaves more, and frames add up. solid leaves nothing but the outline.
"""
"""The figures are those of `make bench BENCH=effects`."""


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
    what = parser.add_argument_group("what to hide, and how", _HOW)
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
        help="auto (default), blur, pixelate, solid or solid:RRGGBB",
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
        option = str(first["loc"][0]).removesuffix("_s").replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"--{option} {first['input']}: {said}") from error


def weak_effect(settings: BlurSettings, classes: Iterable[str], most: int = 3) -> str | None:
    """What to say where an effect was chosen for classes that are better solid; else None.

    Args:
        classes: names of the classes that will be hidden.
        most: how many of them are named.
    """
    readable = [name for name in classes if is_readable(name)]
    if settings.effect not in ("blur", "pixelate") or not readable:
        return None
    named = ", ".join(readable[:most])
    if len(readable) > most:
        named += f" and {len(readable) - most} more"
    return (
        f"--effect {settings.effect}: what it leaves of {named} can be told from other texts; "
        "--effect auto (the default) makes them solid"
    )
