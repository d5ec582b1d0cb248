"""Held frames: what an error keeps alive that should die now, and on this thread."""

from __future__ import annotations

import traceback


def let_go(error: BaseException) -> None:
    """Empty the frames in which an error happened, but for those that still run.

    They hold streams, memory and engines, and whoever keeps the error would keep those.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            traceback.clear_frames(each.__traceback__)
            waiting += [each.__cause__, each.__context__]
