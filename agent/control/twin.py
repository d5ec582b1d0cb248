"""Twin: another device that uses this one's name, by mistake or on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from agent.control.messages import Conn


@final
class Twin:
    """Judges what is heard on this device's own `conn`.

    A broker lets one of two with the same name be connected, and doesn't tell the other; what it
    keeps on `conn` gives them away. It may also be of this device's own past: of the boot before
    this one, or of any boot if the broker was killed and has forgotten what came since.

    Args:
        boot_id: of this start of the agent.
    """

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._past: set[str] = set()
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
        if not retained:
            return True
        if not self._had_published:
            self._past.add(conn.boot_id)
            return False
        if conn.ts is not None and conn.clock_synced and began_ts is not None:
            return conn.ts >= began_ts
        return conn.boot_id not in self._past
