"""The parser of `sfumato` and all of its commands."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from agent.cli import blur, config, ctl, model, redact_image, run

_EPILOG = """\
exit codes:
  0 done   1 a fault of ours   2 invalid arguments   3 an input can't be read
  4 an output can't be written   5 the model can't be used   6 redaction could not go on
  7 a device refused or failed   8 a device gave no answer in time
  130 stopped with Ctrl-C
"""


class _Parser(argparse.ArgumentParser):
    """Says what was wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sfumato: {message}; see {self.prog} --help\n")


def parser_of_all() -> argparse.ArgumentParser:
    """The parser of `sfumato`; what it parses has `run(args) -> exit code`."""
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
    run.add_parser(commands)
    config.add_parser(commands)
    ctl.add_parser(commands)
    return parser


def _version() -> str:
    try:
        return version("sfumato")
    except PackageNotFoundError:
        return "(not installed)"
