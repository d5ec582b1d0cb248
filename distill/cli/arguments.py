"""Argument parsers: from a word of a command line to a value, or one line on what it should be."""

from __future__ import annotations

import argparse
import math
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from distill.tracker import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MULTIPLE, _MIN_INPUT_PX, _MAX_INPUT_PX = 32, 32, 4096
"""Sides of a network's input, pixels: 32 is the coarsest stride of every family."""

_MIN_IMAGE_PX, _MAX_IMAGE_PX = 64, 4096
"""Sides of a rendered image, pixels; chosen, not measured."""


def names(text: str) -> tuple[str, ...]:
    """Names between commas; none is empty."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise ArgumentTypeError(f"an empty name in '{text}'")
    return found


def names_among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A parser of names between commas, each once, that are all in `known`."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(names(text)))
        for name in found:
            if name not in known:
                raise ArgumentTypeError(f"no class '{name}'; there are {', '.join(known)}")
        return found

    return parse


def words_among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A parser of words between commas, each once, that are all in `known`."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(names(text)))
        for word in found:
            if word not in known:
                raise ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return found

    return parse


def names_or_coco(text: str) -> tuple[str, ...]:
    """Names between commas, or `coco` for COCO's 80."""
    if text == "coco":
        from models.coco_names import COCO_NAMES

        return COCO_NAMES
    return names(text)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low`, which is not negative, to `high`."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ArgumentTypeError(f"'{text}' is no whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A parser of numbers from `low` to `high`."""

    def parse(text: str) -> float:
        value = _float(text)
        if value is None or not low <= value <= high:
            raise ArgumentTypeError(f"'{text}' is no number from {low:g} to {high:g}")
        return value

    return parse


def share_or_count(text: str) -> float:
    """A share between 0 and 1, or a whole number from 1."""
    value = _float(text)
    if value is None or not value > 0 or (value >= 1 and not value.is_integer()):
        raise ArgumentTypeError(f"'{text}' is neither a share between 0 and 1 nor a whole number")
    return value


def named_numbers(text: str) -> dict[str, float]:
    """Numbers by name, such as `a=1,b=0.5`."""
    found = {}
    for part in names(text):
        name, _, value = part.partition("=")
        number = _float(value)
        if not name or number is None or not math.isfinite(number):
            raise ArgumentTypeError(f"'{part}' is not NAME=NUMBER")
        found[name.strip()] = number
    return found


def share_below_one(text: str) -> float:
    """A share that leaves something of the rest."""
    value = _float(text)
    if value is None or not 0 <= value < 1:
        raise ArgumentTypeError(f"'{text}' is no share from 0 to below 1")
    return value


def input_side(text: str) -> int:
    """Side of a network's square input, pixels."""
    if not _is_input_side(text):
        raise ArgumentTypeError(f"'{text}' is no multiple of {_MULTIPLE} up to {_MAX_INPUT_PX}")
    return int(text)


def input_size(text: str) -> tuple[int, int]:
    """Width and height of a network's input, pixels; one number is a square."""
    sides = text.lower().split("x")
    if len(sides) == 1:
        sides *= 2
    if len(sides) != 2 or not all(map(_is_input_side, sides)):
        raise ArgumentTypeError(
            f"'{text}' is not WIDTHxHEIGHT or one number, in multiples of {_MULTIPLE} up to "
            f"{_MAX_INPUT_PX}"
        )
    return int(sides[0]), int(sides[1])


def image_size(text: str) -> tuple[int, int]:
    """Width and height of a rendered image, pixels."""
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise ArgumentTypeError(f"'{text}' is no size; write it as 640x480")
    width, height = map(int, sides)
    if not all(_MIN_IMAGE_PX <= side <= _MAX_IMAGE_PX for side in (width, height)):
        raise ArgumentTypeError(f"each side has {_MIN_IMAGE_PX} to {_MAX_IMAGE_PX} pixels")
    return width, height


def _is_input_side(text: str) -> bool:
    if not text.isascii() or not text.isdigit():
        return False
    return int(text) % _MULTIPLE == 0 and _MIN_INPUT_PX <= int(text) <= _MAX_INPUT_PX


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def add_images_and_classes(truth: argparse._ArgumentGroup) -> None:
    """Where a data set's images are, and which of its classes count."""
    truth.add_argument(
        "--images", type=Path, metavar="DIR", help="where its images are (beside the JSON)"
    )
    truth.add_argument(
        "--classes", type=names, default=(), metavar="A,B", help="only these (all that it has)"
    )


def command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """A command's parser, whose help says the same as the list that it stands in."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_images(parser: argparse.ArgumentParser) -> None:
    """Where a data set's images are."""
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="where the images are (beside the JSON)"
    )


RARE = 0.1
"""Below this share of the images a class is rare, where nobody says otherwise. Chosen, not measured:
LVIS' 0.001 is for 1200 classes."""


def add_training_options(parser: argparse.ArgumentParser, what: str) -> None:
    """When a training ends early, whether rare classes come up more often, who hears of it.

    Args:
        parser: of a training.
        what: is counted: epochs or evaluations.
    """
    parser.add_argument(
        "--patience",
        type=whole_number(0, 100_000),
        metavar="N",
        help=f"end after so many {what} that were no better on the held-out images (the config's; "
        "0: never)",
    )
    parser.add_argument(
        "--balance",
        type=number(0, 1),
        nargs="?",
        const=RARE,
        metavar="SHARE",
        help="have classes come up more often that are in fewer than this share of the images "
        f"({RARE:g} where no share is named; without it, the config's)",
    )
    parser.add_argument(
        "--logger",
        choices=SERVICES,
        help="tell this service the run's figures, and nothing else (the config's; else nobody); "
        "tensorboard: curves in the run's folder",
    )
