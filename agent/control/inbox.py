"""Inbox: commands that came, and what was answered, so that none is done twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.control.messages import MAX_TTL_S, Result
from agent.control.ops import OPS
from agent.control.refusal import Refusal

if TYPE_CHECKING:
    import sqlite3

    from agent.control.database import Database

MOST_ROWS = 20_000
MOST_BYTES = 32 * 2**20
"""Of commands and their answers. Chosen, not measured: a command every 30 s for a week, and 350
snapshots."""
SHARE = 16
"""A limit that is reached is undercut by this part of it, so that deleting is rare."""
LARGE_BYTES = 1000
"""An answer of more than that gives way to one that says just that it is done."""

_ENTRY = "SELECT id, op, digest, args, result, delivered FROM command"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that was taken on.

    Attributes:
        digest: of op and arguments: another body under the same id is another command.
        args_json: until there is a result, after that empty.
        result_json: the terminal `Result`; None: it is being done, or was when the agent ended.
        delivered: whether a broker has the result.
    """

    id: str
    op: str
    digest: str
    args_json: str
    result_json: str | None = None
    delivered: bool = False


class Inbox:
    """Keeps commands in a database: open, answered, and delivered.

    What is kept is the newest `MOST_ROWS`, whatever their age. Beyond that, those are forgotten
    first that are older than any time to live, then those that only look at something, then the
    oldest; one that is open never is. A command that was forgotten would be done again if it came
    again. Of answers above `MOST_BYTES` in all, the large ones are cut: a copy of such a command is
    answered as done, without the picture.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Entry] = {}
        self._open: dict[str, Entry] = {}
        self._rows = self._size_bytes = 0
        self._after = (0, 0)
        database.hold(self)
