"""Twin: another device that uses this one's name, by mistake or on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.control.messages import Conn


@final
class Twin:
    """Judges what is heard on this device's own `conn`.

    A broker lets one of two with the same name be connected, and doesn't tell the other; what it
    keeps on `conn` gives them away. It may also be of this device's own past: what a process that
    was killed had just said comes to the next one, and a broker that was killed says again what it
    had written down long ago.

    Args:
        boot_id: of this start of the agent.
        is_of_past: whether a start of this agent had this id, as far as its disk remembers.
    """

    def __init__(
        self, boot_id: str, is_of_past: Callable[[str], bool] = lambda _boot_id: False
    ) -> None:
        self._boot_id, self._is_of_past = boot_id, is_of_past
        self._found: dict[str, Conn] = {}
        self._has_published = self._had_published = False

    def connected(self) -> None:
        """A connection begins."""
        self._had_published = self._has_published

    def published(self) -> None:
        """The broker has this boot's own `conn`."""
        self._has_published = True

    def is_shown_by(self, conn: Conn, *, retained: bool, began_ts: float | None) -> bool:
        """Whether this was said by a twin.

        Args:
            retained: the broker had it when this connection began.
            began_ts: Unix time of this boot, as it is known by now.
        """
        if conn.boot_id == self._boot_id or not conn.online:
            return False  # what is left by a will is not there
        if self._is_of_past(conn.boot_id):
            return False
        if not retained:
            return True
        if (found := self._found.get(conn.boot_id)) is not None:
            return _is_later(conn, found)  # it lives
        if (
            not self._had_published
        ):  # a boot before this one may have said it, on a disk that is gone
            self._found[conn.boot_id] = conn
            return False
        if conn.ts is not None and conn.clock_synced and began_ts is not None:
            return conn.ts >= began_ts
        return True


def _is_later(conn: Conn, than: Conn) -> bool:
    if conn.ts is None or than.ts is None:
        return conn != than
    return conn.ts > than.ts
