"""Driving a roll-out, and what a person sees of it meanwhile."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from agent.cli.ctl.rollout_text import ENDS, counts_of, document_of, lines_of, title_of
from agent.cli.printable import printable
from agent.errors import AbortedError, UnansweredError

if TYPE_CHECKING:
    from agent.cli.ctl.connection import Connection
    from agent.fleet.rollout_file import RolloutFile, RolloutState


def drive(
    connection: Connection, state: RolloutState, file: RolloutFile, *, is_asked: bool = False
) -> int:
    """See it through.

    Raises:
        AbortedError: it was aborted, and nobody asked for that here.
        UnansweredError: too many devices timed out.
    """
    from agent.fleet.rollout import Rollout

    with _Progress() as progress:
        rollout = Rollout(
            state, file, connection.client, connection.root, progress.changed, progress.disconnected
        )
        rollout.run()
    state = rollout.state
    if connection.as_json:
        print(json.dumps(document_of(state)))
    else:
        print("\n".join(lines_of(state)))
    ended = f"{title_of(state)}: {state.state.replace('_', ' ')}: {state.reason}"
    if state.state == "aborted" and not is_asked:
        raise AbortedError(ended)
    if state.state == "timed_out":
        raise UnansweredError(ended)
    return 0


class _Progress:
    """Shows how far it is: a line a stage, and a bar of the devices that it told."""

    def __init__(self) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that outlives the bar
        self._bar = tqdm(unit=" devices", leave=False, disable=None)
        self._stage = -1

    def __enter__(self) -> _Progress:  # noqa: PYI034 nobody makes another of it
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def changed(self, state: RolloutState) -> None:
        """It is further."""
        told = sum(state.tally.values())
        if state.stage != self._stage and state.state == "running":
            self._stage = state.stage
            percent = state.plan.stages[state.stage]
            told = len(state.plan.told(state.devices, state.stage, state.salt))
            stages = len(state.plan.stages)
            self._say(f"stage {state.stage + 1} of {stages}: {told} devices ({percent:g} %)")
        self._bar.total = told
        self._bar.n = sum(state.tally.get(each, 0) for each in ENDS)
        self._bar.set_postfix_str(counts_of(state))

    def disconnected(self, reason: str) -> None:
        """It waits for the broker."""
        self._say(f"no connection ({reason}); it is tried again")

    def _say(self, line: str) -> None:
        self._bar.write(f"sfumato: {printable(line)}", file=sys.stderr)
