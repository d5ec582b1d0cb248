"""Refusal: why a command is not done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.messages import RETRYABLE, CommandError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from agent.control.messages import ErrorCode

_MOST_LETTERS = 500


class Refusal(Exception):  # noqa: N818 it is an answer, not a fault of the program
    """A command is answered with this.

    Args:
        code: one of fourteen.
        message: one line for a person, without secrets.
        detail: for programs, such as a number.
    """

    def __init__(self, code: ErrorCode, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail

    def to_error(self) -> CommandError:
        """What stands in the result."""
        return CommandError(
            code=self.code,
            message=self.message[:_MOST_LETTERS],
            detail=self.detail and self.detail[:_MOST_LETTERS],
            retryable=self.code in RETRYABLE,
        )


def invalid(error: ValidationError, part: str = "") -> Refusal:
    """The refusal of a message that is not as described; it shows nothing of what it holds.

    Args:
        part: of the message, that was looked at.
    """
    first = error.errors()[0]
    where = ".".join(map(str, (part, *first["loc"]) if part else first["loc"]))
    return Refusal("invalid_schema", f"{where}: {first['msg']}" if where else first["msg"])
