"""ChildWorker: a `Worker` whose work is done by processes that may hang, crash or be killed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.control.broker import is_loopback
from agent.update.errand import PROGRAM, Errand, ErrandError
from agent.update.ports import RefusedError, UnavailableError
from agent.update.work_order import Check, Fetch, Prove
from models.runtime.engine_build import LIMIT_S as BUILD_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agent.update.wanted import Wanted
    from agent.update.work_order import Answer
    from models.offer import Offer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a process is killed; chosen, not measured.

    Attributes:
        check_s: for a look at the repository.
        fetch_silent_s: of a fetch, without one percent more. It ends itself much earlier if nothing
            comes at all.
        fetch_s: in all; the next goes on where it stopped.
        test_silent_s: of a test, without a word: there is one at each load and each run, and every
            second while an engine is built. On a busy device a nice process gets a tenth of a core.
        test_s: in all: as much as two builds may take.
    """

    check_s: float = 180.0
    fetch_silent_s: float = 3600.0
    fetch_s: float = 6 * 3600.0
    test_silent_s: float = 300.0
    test_s: float = 2 * BUILD_LIMIT_S + 600


LIMITS = Limits()


class ChildWorker:
    """What does an update's heavy work.

    Args:
        repository: address of the repository.
        root: file of its first root of trust.
        folder: of models, where what was seen of the repository is kept.
        trust: files of keys, one of which must have signed a bundle.
        allow_unsigned: whether one may be unsigned.
        detect_timeout_s: after which a detection is a fault.
        choices: folder that remembers which of a bundle's files suits this machine, and its engines.
    """

    def __init__(
        self,
        repository: str,
        root: Path,
        folder: Path,
        *,
        trust: Sequence[Path] = (),
        allow_unsigned: bool = False,
        detect_timeout_s: float = 20.0,
        choices: Path | None = None,
        limits: Limits = LIMITS,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._repository, self._root, self._folder = repository, root, folder
        self._trust, self._allow_unsigned = tuple(trust), allow_unsigned
        self._detect_timeout_s, self._choices = detect_timeout_s, choices
        self._limits, self._program = limits, program
        self._one = threading.Lock()
        self._errand: Errand | None = None
        _tell_of_lookers_on(repository)

    def check(self, wanted: Wanted) -> Offer:
        """See `agent.update.ports.Worker`."""
        work = Check(
            repository=self._repository, root=self._root, folder=self._folder, wanted=wanted
        )
        try:
            answer = self._answer(work, self._limits.check_s, self._limits.check_s, _nobody)
        except ErrandError as error:
            raise UnavailableError(f"the look at the repository {error}") from error
        if answer.offer is None:
            raise UnavailableError("the look at the repository gave nothing")
        return answer.offer

    def fetch(self, offer: Offer, part: Path, progress: Callable[[float], None]) -> None:
        """See `agent.update.ports.Worker`."""
        work = Fetch(repository=self._repository, offer=offer, part=part)
        limits = self._limits
        try:
            self._answer(work, limits.fetch_silent_s, limits.fetch_s, progress)
        except ErrandError as error:
            raise UnavailableError(f"the fetch {error}") from error

    def test(self, bundle: Path, progress: Callable[[float], None]) -> None:
        """See `agent.update.ports.Worker`.

        Progress is told while an engine is built.
        """
        work = Prove(
            bundle=bundle,
            trust=self._trust,
            allow_unsigned=self._allow_unsigned,
            detect_timeout_s=self._detect_timeout_s,
            choices=self._choices,
        )
        try:
            self._answer(work, self._limits.test_silent_s, self._limits.test_s, progress)
        except ErrandError as error:
            if error.was_ended:
                raise UnavailableError(f"the test {error}") from error
            raise RefusedError(f"the test {error}") from error

    def end(self) -> None:
        """See `agent.update.ports.Worker`."""
        with self._one:
            if self._errand is not None:
                self._errand.end()

    def _answer(
        self,
        work: Check | Fetch | Prove,
        silent_s: float,
        total_s: float,
        progress: Callable[[float], None],
    ) -> Answer:
        with self._one:
            errand = self._errand = Errand(work, silent_s, total_s, self._program)
        try:
            answer = errand.answer(progress)
        finally:
            with self._one:
                self._errand = None
        if answer.unavailable is not None:
            raise UnavailableError(answer.unavailable)
        if answer.refused is not None:
            raise RefusedError(answer.refused)
        return answer


def _nobody(_: float) -> None:
    """Hears of progress."""


def _tell_of_lookers_on(repository: str) -> None:
    try:
        where = urlsplit(repository)
        is_open = where.scheme == "http" and not is_loopback(where.hostname or "")
    except ValueError:  # it is no address, which the first look says
        return
    if is_open:
        _log.warning(
            "update.repository begins with http://: what comes from %s is verified all the same, "
            "but whoever is on the way sees it, and can withhold it",
            where.hostname,
        )
