"""Rhythm: how often the detector looks; it can be changed while a stream runs."""

from __future__ import annotations

from typing import Literal

from agent.errors import UsageError

MAX_EVERY = 30
"""Frames between keyframes. Chosen, not measured: several times as many wait in memory for later
ones, and without look-ahead so many rest on one result."""

MAX_GAP_S = 0.17
"""Seconds. What leaks follows the time between detections, not the frames: pictures of a slide show,
one a second, were bare in 41 % of what `--every 5` hid with `--every 1`. With this, N = 5 holds at
24 frames a second and more, and below 9 every frame is looked at."""

EVEN_GAP = 1.25
"""Times `max_gap_s` that may pass from one look to the next, where frames come evenly: at 24 a second
every fifth is 0.208 s apart. Without a bound, 6 to 8 frames a second would be looked at every 0.25
to 0.33 s: 2 to 5 % of what `--every 1` hides was bare there, and at 10 a second 1 to 2 %."""

MOST_OPEN = 2
"""Frames that may come after a keyframe before its result is waited for, where none shall wait long.
Chosen, not measured: 67 ms at 30 a second, in which one core runs a network of 320 px twice."""

Every = int | Literal["auto"]


def checked_every(every: Every) -> Every:
    """A rhythm that may be asked for.

    Raises:
        UsageError: it is neither `auto` nor a whole number from 1 to `MAX_EVERY`.
    """
    known = every == "auto" or (type(every) is int and 1 <= every <= MAX_EVERY)
    if not known:
        raise UsageError(f"must be a number from 1 (every frame) to {MAX_EVERY}, or auto")
    return every


class Rhythm:
    """When the detector looks.

    Attributes:
        look_ahead: let frames wait for later keyframes; without it they are extrapolated.
        prompt: let them wait for two keyframes and one detection, and `MOST_OPEN` frames at most
            beside; without it, for as many keyframes as keep all workers busy.
        max_gap_s: a frame that comes later than this after the last look is looked at, and one
            after which the next would come later than `longest_s`.
        longest_s: no two looks are further apart than this, but of neighbours; without look-ahead
            also where a frame comes later than those before let expect, for it is then too late.
    """

    def __init__(
        self,
        every: Every,
        max_every: int = 6,
        *,
        look_ahead: bool = True,
        prompt: bool = False,
        max_gap_s: float = MAX_GAP_S,
        strict: bool = False,
    ) -> None:
        """Look at every Nth frame, or at most `max_every` apart where `every` is `auto`.

        And wherever more than `max_gap_s` seconds would pass between two looks; `EVEN_GAP` times as
        many may, unless this is `strict`.

        Raises:
            UsageError: one of them is not what can be asked for.
        """
        self._every, self._max_every = checked_every(every), max_every
        self.look_ahead, self.prompt, self.max_gap_s = look_ahead, prompt, max_gap_s
        self.longest_s = max_gap_s if strict else EVEN_GAP * max_gap_s

    def set_every(self, every: Every) -> None:
        """Look more or less often, from the next frame on; callable from any thread.

        Raises:
            UsageError: it is not what can be asked for; the stream goes on as before.
        """
        self._every = checked_every(every)  # one assignment: a frame sees the old or the new one

    @property
    def adaptive(self) -> bool:
        """Whether to look again between two keyframes where objects moved much."""
        return self._every == "auto"

    @property
    def interval(self) -> int:
        """Frames from one keyframe to the next; the most of them where `adaptive`."""
        every = self._every
        return self._max_every if every == "auto" else every
