"""`sfumato`: one command, one place where errors become a line and an exit code."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from agent.cli import blur, model, redact_image
from agent.errors import AgentError
from models.errors import ModelError

_MODEL_EXIT_CODE = 5
_INTERRUPTED_EXIT_CODE = 130

_EPILOG = """\
exit codes:
  0 done   1 a fault of ours   2 invalid arguments   3 an input can't be read
  4 an output can't be written   5 the model can't be used   6 redaction could not go on
  130 stopped with Ctrl-C
"""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except AgentError as error:
        return _fail(error, error.exit_code)
    except ModelError as error:
        return _fail(error, _MODEL_EXIT_CODE)
    except KeyboardInterrupt:
        return _fail("stopped", _INTERRUPTED_EXIT_CODE)


class _Parser(argparse.ArgumentParser):
    """Says what was wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sfumato: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="sfumato",
        description="Dissolve people, plates, brands and bottles out of video, on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    blur.add_parser(commands)
    redact_image.add_parser(commands)
    model.add_parser(commands)
    return parser


def _version() -> str:
    try:
        return version("sfumato")
    except PackageNotFoundError:
        return "(not installed)"


def _fail(reason: object, exit_code: int) -> int:
    print(f"sfumato: {reason}", file=sys.stderr)
    return exit_code
