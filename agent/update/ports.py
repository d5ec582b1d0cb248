"""Ports: what an update needs of the agent, and of the processes that do its heavy work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.update.wanted import Wanted
    from models.offer import Offer


class UnavailableError(Exception):
    """What an update waits for is away now: a server, a network, a clock. It is no failure."""


class RefusedError(Exception):
    """This bundle can't become what runs, however often it is tried; one line says why."""


class Worker(Protocol):
    """Heavy and distrusted work, each in a process of its own, which may hang or die.

    What is said of progress is a share, 0 to 1. All may be ended from another thread.
    """

    def check(self, wanted: Wanted) -> Offer:
        """What the repository offers for what is wanted, by metadata that are signed and fresh.

        Raises:
            UnavailableError: the repository can't be reached, or this device's clock is not set.
            RefusedError: it is not offered (any more), or metadata are not to be believed.
        """
        ...

    def fetch(self, offer: Offer, part: Path, progress: Callable[[float], None]) -> None:
        """Have all bytes of an offer in `part`, verified and on the disk; goes on where it stopped.

        Raises:
            UnavailableError: the server can't be reached, or stopped sending.
            RefusedError: it sends something else, or there is no room.
        """
        ...

    def test(self, bundle: Path, progress: Callable[[float], None]) -> None:
        """Open a bundle by the device's keys, load it (which may build an engine) and prove it.

        Raises:
            RefusedError: it is not signed, does not load, hangs, or sees what it should not.
        """
        ...

    def end(self) -> None:
        """End what runs now, with `UnavailableError`, from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How an agent is, in counts since its model began to run, but of the last while at most.

    Attributes:
        ran_s: how long the model has run, or that while.
        frames: that left.
        whole: of those, how many were covered whole for a fault of the detector.
        detections: times that the detector looked.
        objects: that were hidden, summed up over frames.
        detect_s: seconds that all detections took.
        hung: detections that hung.
        unseen_s: the longest time in which nothing was hidden.
    """

    ran_s: float
    frames: int
    whole: int
    detections: int
    objects: int
    detect_s: float
    hung: int
    unseen_s: float = 0.0


class Host(Protocol):
    """The agent whose model is changed."""

    def switch(self, bundle: Path | None) -> None:
        """Load a bundle, and have every stream go on with it between two frames.

        Returns when all have. What ran before runs on if this fails.

        Args:
            bundle: None: no model at all, and every frame is covered whole; this can't fail.

        Raises:
            RefusedError: it can't be loaded here.
        """
        ...

    def health(self) -> Health:
        """Of the model that runs now: since it began, and of the last two probations at most."""
        ...

    def changed(self) -> None:
        """What the update is at is new; it may be reported, and nothing depends on that."""
        ...

    def noted(self, what: Mapping[str, str | int]) -> None:
        """Something that shall be remembered as an event happened."""
        ...
