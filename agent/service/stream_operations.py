"""StreamOperations: what an operator may do to a stream from afar."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, final

from agent.control.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pydantic import JsonValue

    from agent.control.ops import PauseArgs, ResumeArgs, SnapshotArgs
    from agent.service.errands import Errands
    from agent.service.pauses import Pauses
    from agent.service.streams import Streams
    from agent.service.supervisor import Supervisor

MAX_AGE_S = 10.0
"""Of a snapshot: an older one would be taken for what is there now. Chosen, not measured: as long
as a stream may give no frame before it is stalled, by default."""

ERRAND_S = 10.0
"""How long the main thread may take to come to it: it may be reading a configuration. Chosen, not
measured: half of what these commands may take."""

_SETTLE_S = 5.0
"""How long a stream is waited for: its source may hang, and what was asked for holds all
the same. Chosen, not measured: a frame that is under way takes less."""
_POLL_S = 0.05


@final
class StreamOperations:
    """Called on any thread but the main one, which does its errands and holds what is paused.

    Args:
        now: Unix time; None while the clock is not to be believed.
    """

    def __init__(
        self,
        streams: Streams,
        pauses: Pauses,
        errands: Errands,
        now: Callable[[], float | None],
    ) -> None:
        self._streams, self._pauses = streams, pauses
        self._errands, self._now = errands, now

    def snapshot(self, args: SnapshotArgs) -> Mapping[str, JsonValue]:
        """The last redacted picture of a running stream.

        Raises:
            Refusal: `not_found`, or `stale`: it shows nothing, or nothing new.
        """
        supervisor = self._supervisor(args.stream)
        status, session = supervisor.status(), supervisor.session
        if status.state != "running" or session is None:
            raise Refusal("stale", f"{args.stream} is {status.state}: there is no picture of now")
        snapshot = session.latest.snapshot(args.width)
        if snapshot is None:
            raise Refusal("stale", f"{args.stream} has just begun: there is no picture yet")
        if snapshot.age_s > MAX_AGE_S:
            raise Refusal("stale", f"no picture of {args.stream} is newer than {MAX_AGE_S:g} s")
        width, height = snapshot.size
        return {
            "stream": args.stream,
            "jpeg": base64.b64encode(snapshot.jpeg).decode("ascii"),
            "width": width,
            "height": height,
            "age_s": round(snapshot.age_s, 3),
            "covered": snapshot.whole,
        }

    def pause(self, args: PauseArgs) -> Mapping[str, JsonValue]:
        """Close the source of a stream, or of all; what is under way is finished.

        Raises:
            Refusal: `not_found`, or `precondition_failed`: the time until when is over.
        """
        now = self._now()
        if args.until_s is not None and now is not None and args.until_s <= now:
            raise Refusal(
                "precondition_failed", "until_s is over: give a Unix time that is to come, or none"
            )

        def pause() -> tuple[list[str], bool]:
            named = self._named(args.stream)
            return named, self._pauses.pause(named, args.until_s)

        names, kept = self._errands.do(pause, ERRAND_S)
        self._settle(names, lambda each: each.status().state == "paused")
        return {"streams": self._states(names), "until_s": args.until_s, "outlives_restart": kept}

    def resume(self, args: ResumeArgs) -> Mapping[str, JsonValue]:
        """Open the source of a paused stream again, or of all; of one that isn't, do nothing.

        Raises:
            Refusal: `not_found`, or `precondition_failed`: its configuration pauses it.
        """
        name = args.stream
        if name is not None and self._streams.is_paused_by_configuration(name):
            raise Refusal(
                "precondition_failed", f"{name} is paused by its configuration: change that"
            )

        def resume() -> tuple[list[str], bool]:
            named = self._named(name)  # where all are meant, so are those that are gone
            meant = named if name is not None else self._pauses.streams
            return named, self._pauses.resume(meant)

        names, kept = self._errands.do(resume, ERRAND_S)
        resumed = [each for each in names if not self._streams.is_paused_by_configuration(each)]
        self._settle(resumed, lambda each: each.status().state != "paused")
        return {"streams": self._states(names), "outlives_restart": kept}

    def restart(self, name: str) -> Mapping[str, JsonValue]:
        """Begin a stream anew; what is under way is finished.

        Raises:
            Refusal: `not_found`, or `precondition_failed`: it is paused.
        """
        supervisor = self._supervisor(name)
        if supervisor.status().state == "paused":
            raise Refusal("precondition_failed", f"{name} is paused: resume it")
        before = supervisor.session
        self._errands.do(lambda: self._restart(name), ERRAND_S)
        self._settle([name], lambda each: each.session is not before)
        return {"streams": self._states([name])}

    def was_paused(self, args: PauseArgs) -> Mapping[str, JsonValue] | None:
        """What to answer to a pause that holds, after a start of the agent; None: it doesn't."""
        names, paused = self._known(args.stream), self._pauses.overrides.paused
        if not names or any(name not in paused or paused[name] != args.until_s for name in names):
            return None
        return {"streams": self._states(names), "until_s": args.until_s, "outlives_restart": True}

    def was_resumed(self, args: ResumeArgs) -> Mapping[str, JsonValue] | None:
        """Likewise, of a stream that is not paused."""
        names = self._known(args.stream)
        if not names or any(name in self._pauses.streams for name in names):
            return None
        return {"streams": self._states(names), "outlives_restart": True}

    def was_restarted(self, name: str) -> Mapping[str, JsonValue] | None:
        """Likewise, of a stream that there is: with the agent it began anew."""
        names = self._known(name)
        return {"streams": self._states(names)} if names else None

    def _restart(self, name: str) -> None:
        """On the main thread; meanwhile it may have gone."""
        self._supervisor(name)
        self._streams.restart(name)

    def _supervisor(self, name: str) -> Supervisor:
        supervisor = self._streams.supervisor(name)
        if supervisor is None:
            raise Refusal("not_found", f"there is no stream {name}")
        return supervisor

    def _named(self, name: str | None) -> list[str]:
        """The streams that are meant; one that is named has to be there."""
        if name is not None:
            self._supervisor(name)
        return self._known(name)

    def _known(self, name: str | None) -> list[str]:
        return [each for each in self._streams.statuses() if name in {None, each}]

    def _states(self, names: Collection[str]) -> JsonValue:
        statuses = self._streams.statuses()
        return {name: statuses[name].state for name in names if name in statuses}

    def _settle(self, names: Collection[str], reached: Callable[[Supervisor], bool]) -> None:
        """Wait until streams are as they shall be, as far as that depends on us."""
        deadline_s = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline_s:
            there = [each for each in map(self._streams.supervisor, names) if each is not None]
            if all(map(reached, there)):
                return
            time.sleep(_POLL_S)
