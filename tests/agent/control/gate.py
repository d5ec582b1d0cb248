"""A device's gate: commands come to it as bytes, its clock is set by the test."""

import json
from dataclasses import dataclass

from agent.control.admission import Admission
from agent.control.decision import Admitted, Answer
from agent.control.delivery import Received
from agent.control.messages import Result
from agent.control.ops import OPS
from agent.control.signed import sign

DEVICE = "gate-7"
NOW = 1_790_000_000.0


@dataclass
class Kept:
    """What an inbox remembers of a command."""

    digest: str
    result_json: str | None = None


class Gate:
    """Admits commands and remembers those that it admitted."""

    def __init__(self, keys=(), allowed=tuple(OPS), ops=OPS, device=DEVICE):
        self.believable, self.wall_s, self.boot_ms = True, NOW, 5_000
        self.kept = {}
        self._admission = Admission(device, ops, allowed, keys, self)

    def now(self):
        return self.wall_s

    def mono_ms(self):
        return self.boot_ms

    def turn(self, seconds):
        """Let time pass."""
        self.wall_s += seconds
        self.boot_ms += int(seconds * 1000)

    def receive(self, op, payload, *, expiry_s=None, retained=False):
        """What becomes of a payload on `cmd/<op>`."""
        received = Received(f"sfumato/v1/{DEVICE}/cmd/{op}", payload, 1, retained, expiry_s, None)
        decided = self._admission.admit(op, received, self.kept.get)
        if isinstance(decided, Admitted):
            self.kept[decided.id] = Kept(decided.digest)
        return decided

    def send(self, op, args=None, *, expiry_s=None, key=None, **more):
        """What becomes of a well-formed command, signed if there is a key."""
        command = {"v": 1, "id": "c1", "args": args or {}, **more}
        payload = json.dumps(command).encode()
        if key is not None:
            payload = signed(command, key, op)
        return self.receive(op, payload, expiry_s=expiry_s)

    def finish(self, command_id, result_json):
        self.kept[command_id].result_json = result_json


def signed(command, key, op, device=DEVICE):
    """A command as an operator's program sends it."""
    bound = {"ts": NOW, "auth": {"device": device, "op": op}, **command}
    return sign(json.dumps(bound), key).model_dump_json().encode()


def error_of(decided):
    """What a command was refused with."""
    assert isinstance(decided, Answer), decided
    result = Result.model_validate_json(decided.result_json)
    assert (result.id, result.state, result.error.code) == (decided.id, "failed", decided.code)
    return result.error
