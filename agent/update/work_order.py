"""WorkOrder: what a worker's process is told to do, a line of JSON, and what it may answer."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 pydantic reads the annotations
from typing import Annotated, Literal

from pydantic import Field

from agent.update.wanted import Wanted  # noqa: TC001 likewise
from models.offer import Offer  # noqa: TC001 likewise
from models.strict_model import StrictModel


class Check(StrictModel):
    """Ask the repository; `agent.update.repository`."""

    verb: Literal["check"] = "check"
    repository: str
    root: Path
    folder: Path
    wanted: Wanted


class Fetch(StrictModel):
    """Have all bytes; `agent.update.fetch`."""

    verb: Literal["fetch"] = "fetch"
    repository: str
    offer: Offer
    part: Path


class Prove(StrictModel):
    """Open, load and prove a bundle; `agent.update.proof`."""

    verb: Literal["prove"] = "prove"
    bundle: Path
    trust: tuple[Path, ...]
    allow_unsigned: bool
    detect_timeout_s: float
    choices: Path | None


class Order(StrictModel):
    """One of them.

    Attributes:
        parent: who gave it; a process that was started by somebody else does nothing.
    """

    parent: int
    work: Annotated[Check | Fetch | Prove, Field(discriminator="verb")]


class Answer(StrictModel):
    """A line of the process; all but the last tell how far it is.

    Attributes:
        share: 0 to 1.
        offer: what `Check` found; the last line.
        done: the last line of the others.
        unavailable, refused: likewise, where it came to nothing; one line that says why.
    """

    share: float | None = Field(None, ge=0, le=1)
    offer: Offer | None = None
    done: bool = False
    unavailable: str | None = None
    refused: str | None = None
