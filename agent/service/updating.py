"""Updating: models over the air, as an agent and its control plane see it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from agent.control.messages import ModelInfo, ModelReported
from agent.control.refusal import Refusal
from agent.update.ports import RefusedError
from agent.update.probation import judge
from agent.update.record import UNDER_WAY
from agent.update.store import FOLDER
from agent.update.updater import Terms, Updater
from agent.update.wanted import Wanted
from agent.update.worker import ChildWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from agent.config.tree import AgentConfig
    from agent.control.messages import ModelDesired
    from agent.service.first_model import FirstModel
    from agent.service.model_host import ModelHost
    from agent.update.deadline import Clock
    from agent.update.ports import Worker
    from agent.update.store import Own, Store
    from models.offer import Offer

MOST_LETTERS, MOST_REFUSED = 200, 8
"""Of a reason, and digests, the latest: so much fits into the 16 KiB that a device keeps at its broker."""

_ROLLBACK_S = 120.0
"""How long a command waits for what ran before to run again. Chosen, not measured: a network that
was let go is loaded anew."""
_POLL_S = 0.05

_PROBATIONS = 2
"""So far back counts reach, as `Host.health` has it: what was before says nothing of today."""


@final
class Updating:
    """The thread that changes models, and what it is told and tells; from any thread.

    Args:
        worker: does the heavy work.
        first: what the agent begins with.
    """

    def __init__(
        self,
        config: AgentConfig,
        store: Store,
        worker: Worker,
        host: ModelHost,
        first: FirstModel,
        clock: Clock,
    ) -> None:
        self._host, self._running = host, first.model.digest
        self._own = first.own
        self._updater = Updater(store, worker, host, judge, clock, _terms(config, first.own))

    def begin(self, groups: Iterable[str]) -> None:
        """Begin, as a member of these groups; streams run."""
        self._updater.begin(self._running)
        self._updater.belong(groups)

    def end(self) -> None:
        """End what is under way; the next start goes on with it."""
        self._updater.end()
        self._host.close()

    def go_by(self, config: AgentConfig, groups: Iterable[str]) -> None:
        """Go by another configuration, and belong to these groups."""
        self._updater.terms = _terms(config, self._own)
        self._updater.belong(groups)

    def look(self) -> None:
        """Look after it, once a second or so, on the main thread."""
        window_s = _PROBATIONS * self._updater.terms.probation_s
        self._host.tend(window_s, is_settled=self._is_settled)

    def want(self, group: str | None, desired: ModelDesired | None) -> None:
        """See `agent.control.controlled.Controlled.want_model`."""
        if desired is None:
            self._updater.forget(group)
            return
        wanted = Wanted(
            rev=desired.rev,
            name=desired.name,
            version=desired.version,
            digest=desired.digest,
            group=group,
            window=desired.window,
        )
        self._updater.want(wanted)

    def reported(self, active: ModelInfo | None) -> ModelReported:
        """What is told of it.

        Args:
            active: what runs.
        """
        position = self._updater.position()
        held, previous = position.held, position.previous
        return ModelReported(
            rev=position.rev,
            group=position.group,
            name=held and held.name,
            version=held and held.version,
            digest=held and held.digest,
            state=position.state,
            progress=round(position.progress, 2),
            reason=position.reason[:MOST_LETTERS],
            active=active,
            previous=previous
            and ModelInfo(
                name=previous.name,
                version=previous.version,
                digest="",
                precision="",
                runtime="",
                bundle=previous.digest,
            ),
            refused=position.refused[-MOST_REFUSED:],
        )

    def rollback(self) -> None:
        """Have what ran before run again, and wait for it.

        Raises:
            Refusal: nothing ran before, or it takes too long.
        """
        before = self._updater.position()
        try:
            self._updater.rollback()
        except RefusedError as error:
            raise Refusal("precondition_failed", str(error)) from error
        until_s = time.monotonic() + _ROLLBACK_S
        while self._updater.position() == before or not self._is_settled:
            if time.monotonic() > until_s:
                raise Refusal("timeout", "it has not happened yet; see model/reported")
            time.sleep(_POLL_S)

    @property
    def was_rolled_back(self) -> bool:
        """Whether that is what happened last."""
        return self._updater.position().state == "rolled_back"

    @property
    def _is_settled(self) -> bool:
        """Whether what shall run does so, and is not on probation."""
        position = self._updater.position()
        own = self._own.digest if self._own is not None else None
        shall = position.active.digest if position.active is not None else own
        is_over = position.state not in UNDER_WAY | {"active"}
        return is_over and self._host.running == shall


@final
class Homebound:
    """A `Worker` for a device that takes no models over the air, but from people at it.

    Args:
        worker: tries what they put there.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def check(self, _wanted: Wanted) -> Offer:
        """See `Worker`."""
        raise RefusedError("the configuration has no section update")

    def fetch(self, _offer: Offer, _part: Path, _progress: Callable[[float], None]) -> None:
        """See `Worker`."""
        raise RefusedError("the configuration has no section update")

    def test(self, bundle: Path, progress: Callable[[float], None]) -> None:
        """See `Worker`."""
        self._worker.test(bundle, progress)

    def end(self) -> None:
        """See `Worker`."""
        self._worker.end()


def worker_of(config: AgentConfig, state: Path) -> Worker:
    """Who does the heavy work of updates.

    Args:
        state: folder that outlives the process.
    """
    update, model = config.update, config.model
    worker = ChildWorker(
        update.repository if update is not None else "",
        update.root if update is not None else state,
        state / FOLDER,
        trust=model.trust,
        allow_unsigned=model.allow_unsigned,
        detect_timeout_s=model.detect_timeout_s,
        choices=state,
    )
    return worker if update is not None else Homebound(worker)


def _terms(config: AgentConfig, own: Own | None) -> Terms:
    update = config.update
    return Terms(own) if update is None else Terms(own, update.probation_s, update.window)
