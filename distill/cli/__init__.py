"""`sfumato-distill`: one command, one place where errors become a line and an exit code."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from typing import NoReturn

from distill.cli import (
    distill,
    evaluate,
    finetune,
    label,
    labels,
    ladder,
    pack,
    quantize,
    synth,
    teacher,
)
from distill.errors import DistillError
from models.errors import ModelError

_MODEL_EXIT_CODE = 5
_INTERRUPTED_EXIT_CODE = 130

_EPILOG = """\
exit codes:
  0 done   1 a fault of ours   2 invalid arguments   3 an input can't be read
  4 an output can't be written   5 the model can't be used   6 training could not go on
  130 stopped with Ctrl-C; the same command goes on from there
"""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except DistillError as error:
        return _fail(error, error.exit_code)
    except ModelError as error:
        return _fail(error, _MODEL_EXIT_CODE)
    except OSError as error:  # a full disk, say, where nobody expected it
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 4)
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; install it with: pip install '.[distill]'", 1)
    except KeyboardInterrupt:
        return _fail("stopped", _INTERRUPTED_EXIT_CODE)


class _Parser(argparse.ArgumentParser):
    """Says what was wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sfumato-distill: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="sfumato-distill",
        description="From clips to a network that a camera can run: a large teacher labels them and is"
        " fine-tuned, a compact student is distilled from it and measured.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('sfumato')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (
        synth,
        label,
        labels,
        finetune,
        distill,
        ladder,
        evaluate,
        quantize,
        pack,
        teacher,
    ):
        module.add_parser(commands)
    return parser


def _fail(reason: object, exit_code: int) -> int:
    print(f"sfumato-distill: {reason}", file=sys.stderr)
    return exit_code
