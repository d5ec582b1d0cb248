"""A device that speaks the protocol over a real connection, and has nothing behind it.

It keeps its events as a real one does, but in memory, and can be told to lose them: on the way, so
that only its own copy is left, or altogether. What it is told, it notes.
"""

import base64
import json
import threading
import time
import uuid

from agent.control import topics
from agent.control.broker import Broker
from agent.control.delivery import Message
from agent.control.messages import (
    Command,
    ConfigDesired,
    ConfigReported,
    Conn,
    Event,
    Info,
    ModelInfo,
    Result,
    Streams,
    StreamState,
)
from agent.control.ops import OPS
from agent.control.refusal import Refusal
from agent.control.session import Session
from agent.control.signed import authorised

TIMEOUT_S = 60
JPEG = b"\xff\xd8 a picture \xff\xd9"
LINES = [{"ts": 1.0, "level": "warning", "stream": "door", "text": "first\nsecond"}]


class SimulatedDevice:
    """A device with the stream `door`; a context, connected within it.

    Attributes:
        epoch: of its events.
        kept: payloads of the events that it still has, by number.
        commands: that came, in order, as (op, command).
        mute: ops that it does not answer.
        keys: of operators; none: nothing has to be signed.
        complaint: what it says of a stream that is called bad.
        jpeg: its snapshot.
    """

    def __init__(self, port, name="gate-7", root=topics.ROOT, broker=None):
        self.name, self._root = name, root
        self.boot_id = uuid.uuid4().hex
        self.epoch = uuid.uuid4().hex
        self.kept, self.commands, self.mute, self.keys = {}, [], set(), ()
        self.complaint, self.jpeg = "is bad", JPEG
        self._unheard = set()  # numbers that no broker has acknowledged
        self._seq = 0
        self._paused = False
        self._reported = ConfigReported(
            rev=0, applied=True, digest="0" * 64, errors={}, overrides=(), needs_restart=()
        )
        self._lock = threading.RLock()
        broker = broker or Broker("127.0.0.1", port, jitter_s=0)
        will = self._message(topics.CONN, self._conn(online=False, reason="lost"))
        filters = [(f"{root}/{name}/cmd/+", 1), (topics.CONFIG_DESIRED.of(root, name), 1)]
        self.session = Session(
            broker, f"device-{name}", self, will=will, will_delay_s=1, subscriptions=filters
        )

    def __enter__(self):
        self.session.start()
        self.until(lambda: self.session.connected)
        return self

    def __exit__(self, *_):
        last = self._message(topics.CONN, self._conn(online=False, reason="clean"))
        self.session.stop(last, 5)

    def happen(self, count=1, *, sent=True, kept=True):
        """Something happens, `count` times.

        Args:
            sent: else it never leaves, as if a broker had thrown it away.
            kept: else the device has no copy of it.
        """
        with self._lock:
            for _ in range(count):
                self._seq += 1
                payload = self._event(self._seq)
                if kept:
                    self.kept[self._seq] = payload
                if sent:
                    self._unheard.add(self._seq)
                    self._send(self._seq, payload)

    def say_conn(self):
        """That it is there, and how far it counted; a real one says so every minute."""
        with self._lock:
            self._publish(topics.CONN, self._conn(online=True, reason="start"))

    def forget_memory(self):
        """Lose all events, and begin to count anew."""
        with self._lock:
            self.epoch, self._seq = uuid.uuid4().hex, 0
            self.kept, self._unheard = {}, set()

    @property
    def count(self):
        """How many events there were in this epoch."""
        return self._seq

    @property
    def unheard(self):
        """How many events no broker has acknowledged."""
        return len(self._unheard)

    def until(self, reached, timeout_s=TIMEOUT_S):
        deadline_s = time.monotonic() + timeout_s
        while not (found := reached()):
            assert time.monotonic() < deadline_s, self.session.reason
            time.sleep(0.02)
        return found

    def connected(self):
        with self._lock:
            self.say_conn()
            self._publish(topics.INFO, self._info())
            self._publish(topics.STREAMS, self._streams())
            self._publish(topics.CONFIG_REPORTED, self._reported)
            for seq in sorted(self._unheard):
                self._send(seq, self.kept.get(seq) or self._event(seq))

    def disconnected(self, reason):
        pass

    def published(self, token, code):
        with self._lock:
            if isinstance(token, tuple) and token[0] == self.epoch and code < 0x80:
                self._unheard.discard(token[1])

    def received(self, message):
        with self._lock:
            self.session.acknowledge(message.receipt)
            place = topics.place_of(message.topic, self._root)
            if place.topic is topics.CONFIG_DESIRED:
                self._apply(message.payload)
                return
            op = place.topic.pattern.removeprefix("cmd/")
            command = Command.model_validate_json(self._body(message.payload, OPS[op].role))
            if self.keys and command.auth is not None:
                assert (command.auth.device, command.auth.op) == (self.name, op)
            self.commands.append((op, command))
            if op not in self.mute:
                self._answer(op, command)

    def _body(self, payload, role):
        return authorised(payload, self.keys, needed=bool(self.keys) and role != "viewer")

    def _answer(self, op, command):
        args = OPS[op].args.model_validate(command.args)
        fields = {"id": command.id, "op": op}
        try:
            answer = self._do(op, args, fields)
            result = Result(**fields, state="done", result=answer)
        except Refusal as refusal:
            result = Result(**fields, state="failed", error=refusal.to_error())
        self._publish(topics.RESULT, result, command.id)

    def _do(self, op, args, fields):
        if op == "restart":
            self._publish(topics.RESULT, Result(**fields, state="accepted"), fields["id"])
            return {"uptime_s": 0.5}
        if op in ("pause", "resume", "snapshot") and args.stream not in (None, "door"):
            raise Refusal("not_found", f"there is no stream {args.stream}")
        if op in ("pause", "resume"):
            self._paused = op == "pause"
            self._publish(topics.STREAMS, self._streams())
        if op == "snapshot":
            return {"stream": "door", "jpeg": base64.b64encode(self.jpeg).decode(), "age_s": 0.1}
        if op == "logs":
            return {"lines": LINES, "shortened": False}
        if op == "replay":
            return {"queued": self._replay(args)}
        return {"op": op}

    def _replay(self, args):
        wanted = [seq for seq in self.kept if args.from_seq <= seq <= args.to_seq]
        if args.epoch != self.epoch or not wanted:
            raise Refusal("not_found", "nothing of it is left")
        for seq in wanted:
            self._send(seq, self.kept[seq])
        return len(wanted)

    def _apply(self, payload):
        desired = ConfigDesired.model_validate_json(self._body(payload, "operator"))
        errors = {
            f"streams.{name}": self.complaint for name in desired.streams or () if name == "bad"
        }
        fields = {"rev": desired.rev, "applied": not errors, "errors": errors}
        self._reported = self._reported.model_copy(update=fields)
        self._publish(topics.CONFIG_REPORTED, self._reported)

    def _send(self, seq, payload):
        message = Message(topics.EVENTS["track"].of(self._root, self.name), payload)
        self.session.publish(message, (self.epoch, seq))

    def _publish(self, topic, model, value=""):
        self.session.publish(self._message(topic, model, value), None)

    def _message(self, topic, model, value=""):
        payload = model.model_dump_json().encode()
        return Message(topic.of(self._root, self.name, value), payload, topic.qos, topic.retained)

    def _event(self, seq):
        event = Event(
            id=f"e{seq}", epoch=self.epoch, seq=seq, boot_id=self.boot_id, mono_ms=seq, ts=1000.0 + seq,
            clock_synced=True, data={"number": seq},
        )  # fmt: skip
        return event.model_dump_json().encode()

    def _conn(self, *, online, reason):
        seq = None if reason == "lost" else self._seq or None
        return Conn(
            online=online, boot_id=self.boot_id, reason=reason, ts=1000.0, clock_synced=True,
            epoch=self.epoch if seq else None, seq=seq,
        )  # fmt: skip

    def _info(self):
        model = ModelInfo(name="world", version=3, digest="0", precision="fp32", runtime="none")
        return Info(
            agent="0.1", schema_digest="0" * 64, hardware="simulated", l4t=None, model=model,
            ops=dict.fromkeys(OPS, "0" * 64), signed=bool(self.keys), certificate_end=None, groups=(),
        )  # fmt: skip

    def _streams(self):
        state = StreamState(
            state="paused" if self._paused else "running", reason="", since=1500.0,
            size=(1280, 720), rate=25.0, model="world v3", covered=False,
        )  # fmt: skip
        return Streams(streams={"door": state})


def lines_of(path):
    """JSON, a line each."""
    return [json.loads(line) for line in path.read_text().splitlines()]
