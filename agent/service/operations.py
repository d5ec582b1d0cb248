"""Operations: the commands that an agent does itself, each by the name of its op."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol, final

from agent.control.ops import LogsArgs, PauseArgs, RestartArgs, ResumeArgs, SnapshotArgs
from agent.control.refusal import Refusal
from agent.errors import AgentError
from agent.release import VERSION
from agent.service.courteous import Courteous
from agent.service.description import model_info
from agent.service.stream_operations import ERRAND_S
from models.errors import ModelError
from models.self_test import self_test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from agent.service.errands import Errands
    from agent.service.model import AnyModel
    from agent.service.recent_logs import RecentLogs
    from agent.service.stream_operations import StreamOperations
    from agent.service.updating import Updating
    from models.strict_model import StrictModel


class Clock(Protocol):
    """What time it is, and whether anybody should believe it."""

    def now(self) -> float | None:
        """Unix time, seconds; None while nobody should believe it."""
        ...

    def monotonic(self) -> float:
        """Seconds since the machine's boot."""
        ...

    @property
    def synced(self) -> bool:
        """Whether it follows a better one."""
        ...


@final
class Operations:
    """Called on a worker's thread, one command of an op at a time.

    Args:
        model: that runs now.
        check_restart: an errand that raises what a start of the agent would end with.
        hide: replaces secrets in a text.
    """

    def __init__(
        self,
        streams: StreamOperations,
        errands: Errands,
        model: Callable[[], AnyModel],
        updating: Updating,
        recent: RecentLogs,
        clock: Clock,
        check_restart: Callable[[], None],
        hide: Callable[[str], str],
    ) -> None:
        self._streams, self._errands = streams, errands
        self._check_restart, self._hide = check_restart, hide
        self._model, self._updating = model, updating
        self._recent, self._clock = recent, clock
        self._began_s = clock.monotonic()

    def do(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """See `Controlled.do`; None: it was accepted, and done is told by the next start.

        Raises:
            Refusal: it can't be done.
        """
        match op, args:
            case "ping", _:
                return self._ping()
            case "snapshot", SnapshotArgs():
                return self._streams.snapshot(args)
            case "logs", LogsArgs():
                return self._logs(args)
            case "pause", PauseArgs():
                return self._streams.pause(args)
            case "resume", ResumeArgs():
                return self._streams.resume(args)
            case "restart", RestartArgs(stream=None):
                self._restart()
                return None
            case "restart", RestartArgs(stream=str(name)):
                return self._streams.restart(name)
            case "self_test", _:
                return self._self_test()
            case "rollback", _:
                self._updating.rollback()
                return self._reported()
        raise Refusal("unknown_op", f"{op} is nothing that an agent does")

    def was_done(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """See `Controlled.was_done`."""
        match op, args:
            case "pause", PauseArgs():
                return self._streams.was_paused(args)
            case "resume", ResumeArgs():
                return self._streams.was_resumed(args)
            case "restart", RestartArgs(stream=None):
                return self._ping()
            case "restart", RestartArgs(stream=str(name)):
                return self._streams.was_restarted(name)
            case "rollback", _ if self._updating.was_rolled_back:
                return self._reported()
        return None

    def _reported(self) -> Mapping[str, JsonValue]:
        """As `model/reported` says it."""
        active = model_info(self._model().status())
        told: dict[str, JsonValue] = self._updating.reported(active).model_dump(mode="json")
        return told

    def _ping(self) -> Mapping[str, JsonValue]:
        return {
            "version": VERSION,
            "model": self._model().said,
            "uptime_s": round(self._clock.monotonic() - self._began_s, 1),
            "ts": self._clock.now(),
            "clock_synced": self._clock.synced,
        }

    def _restart(self) -> None:
        """A device that nobody can reach by hand must not end for a file that was spoilt since."""
        try:
            self._errands.do(self._check_restart, ERRAND_S)
        except (AgentError, ModelError) as error:
            said = self._hide("; ".join(str(error).splitlines()))
            raise Refusal("precondition_failed", f"it would not start again: {said}") from error
        self._errands.put("restart")

    def _logs(self, args: LogsArgs) -> Mapping[str, JsonValue]:
        lines, shortened = self._recent.lines(args.lines, args.since)
        return {"lines": [asdict(line) for line in lines], "shortened": shortened}

    def _self_test(self) -> Mapping[str, JsonValue]:
        model = self._model()
        if model.bundle is None:
            raise Refusal("precondition_failed", "there is no model")
        if not model.bundle.manifest.golden_files:
            raise Refusal(
                "precondition_failed", "the bundle holds no golden frames to test the network with"
            )
        try:
            verdict = self_test(model.bundle, Courteous(model.detector.chosen.network))
        except ModelError as error:
            return {"ok": False, "share": None, "line": str(error)}
        share = verdict.share if math.isfinite(verdict.share) else None
        return {"ok": verdict.ok, "share": share, "line": verdict.line}
