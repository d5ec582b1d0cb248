"""Progress: a bar on a terminal; elsewhere, in a log say, a line every so often with what is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Sized
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar, overload

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self

T = TypeVar("T")

_FIRST_S, _EVERY_S = 30.0, 60.0
"""Between lines, seconds: soon one, so that nobody thinks it hangs, then few. Chosen, not measured."""
_UNIT, _PREFIXES = "image", "kMG"


@overload
def progress(iterable: Iterable[T], desc: str = "", **how: Any) -> Iterable[T]: ...


@overload
def progress(iterable: None = None, desc: str = "", **how: Any) -> Bar: ...


def progress(iterable: Iterable[Any] | None = None, desc: str = "", **how: Any) -> Any:
    """Show on standard error how far some work is.

    Args:
        iterable: what is gone through; without it, `update` says what is done.
        desc: what is done.
        **how: as `ProgressLines` takes it; and `leave`, whether a bar stays when it is done.
    """
    if sys.stderr.isatty():
        return tqdm(iterable, desc, **{"unit": _UNIT, "leave": False, **how})
    how.pop("leave", None)
    return ProgressLines(iterable, desc, **how)


class Bar(Protocol):
    """What `progress` gives where there is nothing to go through: of tqdm, what we use."""

    n: int
    total: int | None

    def update(self, count: float | None = 1) -> Any:
        """So many more are done."""

    def reset(self, total: int | None = None) -> None:
        """Begin anew, with another total."""

    def set_postfix(self, **words: Any) -> None:
        """What to say beside, such as a loss; `refresh` is for a bar."""

    def close(self) -> None:
        """It is over, or given up."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class ProgressLines:
    """Done, total, rate and the time that is left, a line each; of what is quickly done, nothing.

    Attributes:
        n: done so far.
        total: how many there are, if that is known.

    Args:
        iterable: what is gone through, or None.
        desc: what is done.
        total: how many there are, where `iterable` has no length.
        initial: how many were done before.
        unit: what is counted.
        unit_scale: whether to count in thousands, as of bytes.
        clock: seconds.
        file: where the lines go; standard error.
    """

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str = "",
        *,
        total: int | None = None,
        initial: int = 0,
        unit: str = _UNIT,
        unit_scale: bool = False,
        clock: Callable[[], float] = time.monotonic,
        file: IO[str] | None = None,
    ) -> None:
        self.total = len(iterable) if total is None and isinstance(iterable, Sized) else total
        self.n = self._initial = initial
        self._iterable, self._desc, self._unit, self._scales = iterable, desc, unit, unit_scale
        self._clock, self._file = clock, file
        self._words = ""
        self._began = clock()
        self._due = self._began + _FIRST_S
        self._spoke = self._closed = False

    def __iter__(self) -> Iterator[Any]:
        with self:
            for each in self._iterable or ():
                yield each
                self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, count: float | None = 1) -> None:
        """So many more are done."""
        self.n += int(count or 0)
        now = self._clock()
        if now >= self._due:
            self._say(now)

    def reset(self, total: int | None = None) -> None:
        """Begin anew, with another total."""
        self.n = self._initial = 0
        self.total = total
        self._began = self._clock()

    def set_postfix(self, **words: Any) -> None:
        """What to say beside, such as a loss."""
        words.pop("refresh", None)
        self._words = "".join(f", {name} {value}" for name, value in words.items())

    def close(self) -> None:
        """It is over, or given up; said where lines came before."""
        if self._spoke and not self._closed:
            self._say(self._clock())
        self._closed = True

    def _say(self, now: float) -> None:
        self._spoke = True
        self._due = now + _EVERY_S
        passed, done = now - self._began, self.n - self._initial
        rate = done / passed if passed > 0 else 0.0
        whole = f"/{self._count(self.total)}" if self.total else ""
        parts = [
            f"{self._desc}: " * bool(self._desc) + f"{self._count(self.n)}{whole} {self._unit}"
        ]
        if rate:
            parts.append(_rate(rate, self._unit) if not self._scales else f"{self._count(rate)}/s")
        if rate and self.total and self.n < self.total:
            parts.append(f"about {_duration((self.total - self.n) / rate)} left")
        else:
            parts.append(f"after {_duration(passed)}")
        # Not print: it asks for the stream as it is now, which may have been put aside.
        file = self._file or sys.stderr
        file.write(f"{', '.join(parts)}{self._words}\n")
        file.flush()

    def _count(self, number: float) -> str:
        if not self._scales or number < 1000:
            return f"{number:.0f}"
        for prefix in _PREFIXES:
            number /= 1000
            if number < 1000 or prefix == _PREFIXES[-1]:
                break
        return f"{number:.1f}{prefix}"


def _rate(rate: float, unit: str) -> str:
    return f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
