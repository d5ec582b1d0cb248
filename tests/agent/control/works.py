"""Works: an agent that does commands, slowly, wrongly or never, as the test says."""

import queue
import threading

from agent.control.commands import Workers
from agent.control.decision import Admitted
from agent.control.ops import OPS, Nothing, Op

LONG_S = 60.0
"""What a test waits at most for something that takes no time."""


class Works:
    """Does what `outcomes` says for an op: returns it, raises it, or calls it.

    `held` ops begin and don't end before `release`. `begun` counts what was begun, by op.
    """

    def __init__(self, timeout_s=10.0, ops=OPS):
        self.boot_ms, self.outcomes, self.begun = 0, {}, []
        self.told = queue.SimpleQueue()
        self.threads = set()
        self._gates, self._begun = {}, threading.Condition()
        ops = {name: Op(Nothing, "viewer", timeout_s, "") for name in ops}
        self.workers = Workers(self._do, self.told.put, lambda: self.boot_ms, ops)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for gate in self._gates.values():
            gate.set()
        self.workers.stop(LONG_S)
        for thread in self.threads:  # also those that were left behind
            thread.join(LONG_S)
            assert not thread.is_alive()

    def hold(self, command_id):
        """A command will begin and not end."""
        self._gates[command_id] = threading.Event()

    def release(self, command_id):
        self._gates[command_id].set()

    def send(self, command_id, op="ping", ttl_s=3600):
        deadline_ms = self.boot_ms + int(ttl_s * 1000)
        args = _Marked(command_id)
        self.workers.take(Admitted(command_id, op, args, "{}", "digest", deadline_ms))

    def turn(self, seconds):
        """Let time pass, and have the workers look at what hangs."""
        self.boot_ms += int(seconds * 1000)
        self.workers.look()

    def result(self):
        return self.told.get(timeout=LONG_S)

    def wait_begun(self, command_id):
        with self._begun:
            assert self._begun.wait_for(lambda: command_id in self.begun, LONG_S)

    def wait_ended(self, command_id):
        """Until the thread that was left behind with a command has ended."""
        (thread,) = (t for t in self.threads if t.name.endswith(f"/{command_id}"))
        thread.join(LONG_S)
        assert not thread.is_alive()

    def _do(self, _op, args):
        thread = threading.current_thread()
        thread.name = f"{thread.name.partition('/')[0]}/{args.id}"
        with self._begun:
            self.threads.add(thread)
            self.begun.append(args.id)
            self._begun.notify_all()
        if gate := self._gates.get(args.id):
            gate.wait(LONG_S)
        outcome = self.outcomes.get(args.id, {"did": args.id})
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class _Marked:
    """Arguments that say which command they are of."""

    def __init__(self, command_id):
        self.id = command_id
