"""Suspicion: which pictures build on damaged ones, where a decoder doesn't say."""

from __future__ import annotations


class Suspicion:
    """From a lost packet on, up to the next key picture that was fed after it.

    Args:
        delay: pictures that FFmpeg's decoder holds back: so many before the lost packet are
            suspect, too, as they are where FFmpeg decodes.
    """

    def __init__(self, delay: int) -> None:
        self._delay, self._given = delay, 0
        self._from = 0
        self._to: int | None = None

    def lost(self, number: int) -> None:
        """The packet of this number is damaged, or was not to be read."""
        if self._to is None:
            self._from = number - self._delay
        self._to = number if self._to is None else max(self._to, number)

    def of(self, number: int | None, *, is_key: bool) -> bool:
        """Whether the next picture is suspect, which was packet `number`; None: nobody knows."""
        given, self._given = self._given, self._given + 1
        if self._to is not None and is_key and number is not None and number > self._to:
            self._to = None
        return self._to is not None and given >= self._from
