"""Ahead: what will be needed, begun while something else is done."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

T_co = TypeVar("T_co", covariant=True)


class Ahead(Generic[T_co]):
    """One call, on a thread that has ended when the context is left.

    Args:
        call: it is neither interrupted nor given up, so it must end by itself.
    """

    def __init__(self, call: Callable[[], T_co]) -> None:
        self._call = call
        self._results: list[T_co] = []
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait()

    def result(self) -> T_co:
        """What the call gave, once it has ended; what it raised is raised here."""
        self._wait()
        if self._error is not None:
            raise self._error
        return self._results[0]

    @property
    def has_ended(self) -> bool:
        """Whether the result, or what was raised, is there."""
        return self._over.is_set()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Do what would come after the call: an error in here is told only if the call had none."""
        try:
            yield
        except Exception:
            self.result()
            raise

    def _wait(self) -> None:
        self._over.wait()  # before Python 3.13, a `join` that Ctrl-C breaks off is taken for done
        self._thread.join()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            self._error = error
        finally:
            self._over.set()
