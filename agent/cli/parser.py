"""The parser of `sfumato` and all of its commands."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """\
exit codes:
  0 done   1 a fault of ours   2 invalid arguments   3 an input can't be read
  4 an output can't be written   5 the model can't be used   6 redaction could not go on
  130 stopped with Ctrl-C
"""

_COMMANDS = {
    "blur": "blur",
    "redact-image": "redact_image",
    "model": "model",
    "live": "live",
    "run": "run",
    "config": "config",
    "provision": "provision",
    "ctl": "ctl",
    "engine": "engine",
    "doctor": "doctor",
    "bench": "bench",
}
"""In the order of `--help`: the module here that registers each."""


class _Parser(argparse.ArgumentParser):
    """Says what was wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sfumato: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Says which Sfumato this is; reading that takes longer than all other arguments together."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            told = version("sfumato")
        except PackageNotFoundError:
            told = "(not installed)"
        print(f"{parser.prog} {told}")
        parser.exit()


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of `sfumato` for these words; what it parses has `run(args) -> exit code`.

    It knows the command that they begin with, and all of them where that is none: what the others
    stand on takes 0.06 s to import, which a job of one frame need not wait for.
    """
    parser: argparse.ArgumentParser = _Parser(
        prog="sfumato",
        description="Dissolve people, plates, brands and bottles out of video, on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show program's version number and exit"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    named = [word for word in words[:1] if word in _COMMANDS]
    for name in named or _COMMANDS:
        import_module(f"agent.cli.{_COMMANDS[name]}").add_parser(commands)
    return parser
