"""RolloutFile: how far a roll-out is, in a file, so that it goes on after whatever ended it.

One program at a time drives a roll-out. Another one that wants it to pause or to stop says so in a
second file beside it: both may be one person's, whom a broker gives only one connection.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field, ValidationError

from agent.control.messages import MAX_REV, Name, Short
from agent.errors import InputError, OutputError, UsageError
from agent.fleet.rollout_plan import RolloutPlan  # noqa: TC001 pydantic reads the annotations
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

Wish = Literal["pause", "abort"]


class RolloutState(StrictModel):
    """How far a roll-out is.

    Attributes:
        devices: of the group, when it began.
        first_rev: of the first stage's document; each further one has the next.
        began: Unix time at which each stage was told, by now.
        state: what it is at; `timed_out` and `aborted` are for good, like `done`.
        paused_after: number of the last stage after which it paused as planned.
        withdrawn: whether the broker tells no further device, after one of those two.
        tally: devices that were told so far, by what became of them, or by what they report.
        failed: devices, and why.
        silent: devices that counted as timed out.
    """

    v: Literal[1] = 1
    plan: RolloutPlan
    salt: Short
    devices: Annotated[tuple[Name, ...], Field(min_length=1)]
    first_rev: int = Field(ge=1, lt=MAX_REV - 1000)
    began: tuple[float, ...] = ()
    state: Literal["running", "paused", "done", "aborted", "timed_out"] = "running"
    reason: str = ""
    paused_after: int = -1
    withdrawn: bool = False
    tally: dict[str, int] = Field(default_factory=dict)
    failed: dict[Name, str] = Field(default_factory=dict)
    silent: tuple[Name, ...] = ()

    @property
    def stage(self) -> int:
        """Number of the stage that was told last, from 0; -1 before the first."""
        return len(self.began) - 1

    @property
    def rev(self) -> int:
        """Of what stands at the broker, or shall."""
        return self.first_rev + self.stage + (self.state in ("aborted", "timed_out"))

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done."""
        return self.state == "done" or self.withdrawn

    def moved(self, **fields: object) -> RolloutState:
        """The same, with some things changed."""
        return self.model_copy(update=fields)


def rollout_path(group: str) -> Path:
    """Where the state of a group's roll-out stands, unless a person says otherwise."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(home) / "sfumato" / "rollouts" / f"{group}.json"


class RolloutFile:
    """The file, while this program drives the roll-out; see `driven`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, state: RolloutState) -> None:
        """Put it in place of what is there; once this returns, no power cut takes it away.

        Raises:
            OutputError: it can't be written; what was there stays.
        """
        try:
            with whole_file(self._path) as file:
                file.write(state.model_dump_json(indent=1).encode() + b"\n")
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error

    def wish(self) -> Wish | None:
        """What another program wants of this one; asked once."""
        path = _wish_path(self._path)
        try:
            said = path.read_text()
            path.unlink()
        except OSError:
            return None
        return cast("Wish", said) if said in ("pause", "abort") else None


def read_rollout(path: Path) -> RolloutState | None:
    """What stands in the file; None: there is none.

    Raises:
        InputError: it can't be read.
    """
    try:
        return RolloutState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except ValidationError as error:
        raise InputError(f"{path}: no roll-out's state; name another file with --state") from error


@contextmanager
def driven(path: Path) -> Iterator[RolloutFile]:
    """Have the roll-out to oneself, until the context ends or the process does.

    Raises:
        UsageError: another program drives it.
        OutputError: the file can't be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(FileNotFoundError):  # a wish of somebody whom nobody heard
            _wish_path(path).unlink()
        yield RolloutFile(path)
    except BlockingIOError as error:
        raise UsageError(f"{path}: this roll-out is being driven by another program") from error
    finally:
        os.close(lock)


def is_driven(path: Path) -> bool:
    """Whether another program drives the roll-out."""
    try:
        with driven(path):
            return False
    except UsageError:
        return True


def put_wish(path: Path, wish: Wish) -> None:
    """Tell the program that drives the roll-out, which looks about twice a second.

    Raises:
        OutputError: it can't be written.
    """
    try:
        with whole_file(_wish_path(path)) as file:
            file.write(wish.encode())
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror})") from error


def _wish_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.wish")
