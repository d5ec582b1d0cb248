"""ControlledAgent: an agent as its control plane sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from agent.service.description import model_info, stream_states, telemetry
from agent.service.resident import resident_bytes
from agent.telemetry.sensors import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from agent.control.clock import EventClock
    from agent.control.messages import (
        ConfigDesired,
        ConfigReported,
        ControlTele,
        Info,
        ModelDesired,
        ModelReported,
        Streams,
        Tele,
    )
    from agent.service.operations import Operations
    from agent.service.updating import Updating
    from agent.telemetry.status import AgentStatus
    from models.strict_model import StrictModel


@final
class ControlledAgent:
    """See `agent.control.controlled.Controlled`.

    What takes a while to find out is found out by the agent's main thread, and stands here.

    Args:
        status: how the agent is now; from any thread.
        apply: has the main thread try a configuration, and doesn't wait for it.
        hide: replaces secrets in a text.

    Attributes:
        info_now: what the agent is; set before anybody asks.
        reported: which configuration it runs by; likewise.
        readings: of the sensors, the last ones.
    """

    info_now: Info
    reported: ConfigReported

    def __init__(
        self,
        status: Callable[[], AgentStatus],
        operations: Operations,
        updating: Updating,
        apply: Callable[[ConfigDesired], None],
        hide: Callable[[str], str],
        clock: EventClock,
    ) -> None:
        self._status, self._operations, self._apply = status, operations, apply
        self._updating = updating
        self._hide, self._clock = hide, clock
        self._began_s = clock.monotonic()
        self.readings = Readings()

    def info(self) -> Info:
        """See `Controlled`."""
        return self.info_now

    def runs_another(self, status: AgentStatus) -> bool:
        """Whether another model runs than what the agent is told to be says."""
        return self.info_now.model != model_info(status.model)

    def streams(self) -> Streams:
        """See `Controlled`."""
        return stream_states(self._status(), self._hide)

    def config_reported(self) -> ConfigReported:
        """See `Controlled`."""
        return self.reported

    def model_reported(self) -> ModelReported:
        """See `Controlled`."""
        reported = self._updating.reported(model_info(self._status().model))
        return reported.model_copy(update={"reason": self._hide(reported.reason)})

    def want_model(self, group: str | None, desired: ModelDesired | None) -> None:
        """See `Controlled`."""
        self._updating.want(group, desired)

    def tele(self, control: ControlTele, boot_id: str) -> Tele:
        """See `Controlled`."""
        return telemetry(
            self._status(),
            self.readings,
            control,
            boot_id=boot_id,
            ts=self._clock.now(),
            uptime_s=self._clock.monotonic() - self._began_s,
            resident_bytes=resident_bytes(),
        )

    def do(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """See `Controlled`."""
        return self._operations.do(op, args)

    def was_done(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """See `Controlled`."""
        return self._operations.was_done(op, args)

    def apply(self, desired: ConfigDesired) -> None:
        """See `Controlled`."""
        self._apply(desired)
