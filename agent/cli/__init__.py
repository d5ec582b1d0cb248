"""`sfumato`: one command, one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from functools import partial

from agent.cli import process
from agent.cli.printable import printable
from agent.cli.start_up import (
    importing,
    keep_arrays_on_their_thread,
    keep_memory,
    keep_modules,
    take_long_turns,
)
from agent.errors import AgentError
from models.errors import ModelError

_MODEL_EXIT_CODE = 5


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    Without `argv` it is the command that this process was started with, and the process is made
    fit for it and ends with it, as `agent.cli.process` says. With `argv` the process is the
    caller's, and left as it is.
    """
    if argv is None:
        keep_arrays_on_their_thread()
        keep_memory()
        keep_modules()
        take_long_turns()
        return process.run(partial(_run, sys.argv[1:]))
    return _run(argv)


def _run(argv: list[str]) -> int:
    try:
        with importing():
            from agent.cli.parser import parser_for  # a second, and Ctrl-C is heard by now

            parser = parser_for(argv)
        args = parser.parse_args(argv)
        return int(args.run(args))
    except AgentError as error:
        return _fail(error, error.exit_code)
    except ModelError as error:
        return _fail(error, _MODEL_EXIT_CODE)
    except KeyboardInterrupt:
        return _fail("stopped", process.INTERRUPTED_EXIT_CODE)


def _fail(reason: object, exit_code: int) -> int:
    for line in str(reason).splitlines():  # a configuration may have several faults
        print(f"sfumato: {printable(line)}", file=sys.stderr)
    return exit_code
