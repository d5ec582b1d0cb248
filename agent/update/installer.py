"""Installer: has a bundle come into its slot, and be tried there."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from agent.update.labour import Labour
from agent.update.ports import RefusedError, UnavailableError
from agent.update.rollout import unlike
from agent.update.wanted import Wanted
from models.compatibility import check_min_agent
from models.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.update.ports import Worker
    from agent.update.record import Change
    from agent.update.store import Store

CHECK_S, FETCH_S, TEST_S = 300.0, 600.0, 3600.0
"""How long a check may take, a fetch go without progress, and a test go on. Chosen, not measured:
engines of four precisions take an Orin Nano half an hour."""


@final
class Installer:
    """All of its work ends with `UnavailableError` once `is_over` says that it is of no use.

    Args:
        is_over: of a change that is worked on; another thread asks.
        progress: is told a share, 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        worker: Worker,
        is_over: Callable[[Change], bool],
        progress: Callable[[float], None],
    ) -> None:
        self._store, self._worker, self._is_over = store, worker, is_over
        self._labour = Labour(worker)
        self._progress = progress

    def fetch(self, change: Change) -> None:
        """Have what is wanted lie in its slot.

        Raises:
            UnavailableError: it can't come now.
            RefusedError: it is not offered, needs a newer agent, is sent wrong, or has no room.
            OSError: of the disk.
        """
        held, worker = change.held, self._worker
        wanted = Wanted(
            rev=change.rev,
            name=held.name,
            version=held.version,
            digest=held.digest,
            group=change.group,
            window=change.window,
        )
        offer = self._labour.do(
            lambda: worker.check(wanted),
            limit_s=CHECK_S,
            late=UnavailableError(f"the repository gave no answer in {CHECK_S:.0f} s"),
            is_over=lambda: self._is_over(change),
        )
        if (reason := unlike(offer, held)) is not None:
            raise RefusedError(reason)
        try:
            check_min_agent(offer.custom.min_agent)
        except BundleError as error:
            raise RefusedError(str(error)) from error
        if self._store.holds(offer):
            return
        self._store.make_room(offer)
        part = self._store.part(held.digest)
        self._labour.do(
            lambda: worker.fetch(offer, part, self._moved),
            limit_s=FETCH_S,
            late=UnavailableError(f"nothing came in {FETCH_S:.0f} s"),
            is_over=lambda: self._is_over(change),
        )
        self._store.put(held.digest)

    def test(self, change: Change) -> None:
        """Try what lies in the slot.

        Raises:
            UnavailableError: it was ended.
            RefusedError: it does not pass.
        """
        worker, bundle = self._worker, self._store.bundle(change.held.digest)
        self._labour.do(
            lambda: worker.test(bundle, self._progress),
            limit_s=TEST_S,
            late=RefusedError(f"its test took more than {TEST_S:.0f} s"),
            is_over=lambda: self._is_over(change),
        )

    def _moved(self, share: float) -> None:
        self._labour.moves()
        self._progress(share)
