"""A group of devices that take a model as they are told, all over one connection.

Nothing of a device is real but what it says and which stage it belongs to; what becomes of it when
it is told is its fate.
"""

import threading
import time
from collections import Counter

from agent.control import topics
from agent.control.broker import Broker
from agent.control.delivery import Message
from agent.control.messages import Conn, GroupModelDesired, Info, ModelInfo, ModelReported
from agent.control.selection import is_selected
from agent.control.session import Session

TIMEOUT_S = 60
OLD = "0" * 64


class SimulatedGroup:
    """Devices `NAME-0` to `NAME-(count-1)`; a context, and told of within it.

    Args:
        fates: of a device by its name, `good` by default; it fails its `test`, or is `bad` on probation,
            `hangs` while it fetches, or is `silent`.
        away: devices that are not there: their broker says so.

    Attributes:
        documents: that the group was told, in order.
        touched: devices that began, in order.
        holds: whether those that are told now wait for `let_go`.
    """

    def __init__(self, port, count, *, group="cameras", fates=None, away=(), root=topics.ROOT):
        self.names = [f"{group}-{number}" for number in range(count)]
        self.group, self.fates, self.away = group, fates or {}, set(away)
        self.documents, self.touched, self.holds = [], [], False
        self.runs = dict.fromkeys(self.names, OLD)
        self.reports = {}
        self._root, self._held, self._rev = root, [], 0
        self._unacknowledged = set()
        self._lock = threading.RLock()
        told = topics.GROUP_MODEL_DESIRED.of(root, "", group)
        self.session = Session(
            Broker("127.0.0.1", port, jitter_s=0), f"group-{group}", self, subscriptions=[(told, 1)]
        )

    def __enter__(self):
        self.session.start()
        self.until(lambda: self.session.connected and not self._unacknowledged)
        return self

    def __exit__(self, *_):
        self.session.stop(None, 5)

    def until(self, reached):
        deadline_s = time.monotonic() + TIMEOUT_S
        while not (found := reached()):
            assert time.monotonic() < deadline_s, (self.session.reason, self.documents[-1:])
            time.sleep(0.02)
        return found

    def let_go(self):
        """Have those that wait go on, and nobody wait any more."""
        with self._lock:
            self.holds = False
            for device, document in self._held:
                self._go_on(device, document)
            self._held.clear()

    def tell(self, payload):
        """Tell the group something, as somebody else would; nobody is told by an empty one."""
        topic = topics.GROUP_MODEL_DESIRED.of(self._root, "", self.group)
        self.session.publish(Message(topic, payload, retain=True), None)

    def own_model(self, device):
        """A device is told something of its own."""
        payload = f'{{"v":1,"rev":1,"name":"own","version":1,"digest":"{OLD}"}}'.encode()
        topic = topics.MODEL_DESIRED.of(self._root, device)
        self._publish(Message(topic, payload, retain=True))
        self.until(lambda: not self._unacknowledged)

    @property
    def running(self):
        """How many devices run which bundle."""
        return Counter(self.runs.values())

    def connected(self):
        with self._lock:
            self._unacknowledged.clear()
            for device in self.names:
                is_there = device not in self.away
                reason = "start" if is_there else "lost"
                conn = Conn(online=is_there, boot_id="b", reason=reason, ts=1.0, clock_synced=True)
                self._say(topics.CONN, device, conn)
                self._say(topics.INFO, device, self._info(device))
                self._report(device, self.reports.get(device) or self._reported(device, "idle"))

    def disconnected(self, reason):
        pass

    def published(self, token, code):
        with self._lock:
            assert code < 0x80
            self._unacknowledged.discard(token)

    def received(self, message):
        with self._lock:
            self.session.acknowledge(message.receipt)
            if not message.payload:
                return
            document = GroupModelDesired.model_validate_json(message.payload)
            if document.rev <= self._rev:  # heard before, or of another
                return
            self._rev = document.rev
            self.documents.append(document)
            self._held = [each for each in self._held if self._selected(each[0], document)]
            for device in self.names:
                if self._selected(device, document) and device not in self.away:
                    self._begin(device, document)

    def _selected(self, device, document):
        return is_selected(device, document.percent, document.salt)

    def _begin(self, device, document):
        if self.runs[device] != document.digest and device not in self.touched:
            self.touched.append(device)
        if self.fates.get(device) == "silent":
            return
        self._report(device, self._reported(device, "fetching", document))
        if self.holds:
            self._held.append((device, document))
        elif self.fates.get(device) != "hangs":
            self._go_on(device, document)

    def _go_on(self, device, document):
        match self.fates.get(device, "good"):
            case "good":
                self.runs[device] = document.digest
                self._report(device, self._reported(device, "committed", document))
            case "test":
                self._report(device, self._reported(device, "failed", document, "it saw nothing"))
            case "bad":
                self._report(device, self._reported(device, "rolled_back", document, "it is slow"))

    def _reported(self, device, state, document=None, reason=""):
        return ModelReported(
            rev=document.rev if document else 0, group=self.group if document else None,
            digest=document.digest if document else None, state=state, progress=0.0, reason=reason,
            active=self._model(device), previous=None, refused=(),
        )  # fmt: skip

    def _report(self, device, report):
        self.reports[device] = report
        self._say(topics.MODEL_REPORTED, device, report)

    def _model(self, device):
        return ModelInfo(
            name="world", version=1, digest="0", precision="fp32", runtime="none",
            bundle=self.runs[device],
        )  # fmt: skip

    def _info(self, device):
        return Info(
            agent="0.1", schema_digest="0" * 64, hardware="simulated", l4t=None, ops={}, signed=False,
            model=self._model(device), certificate_end=None, groups=(self.group,),
        )  # fmt: skip

    def _say(self, topic, device, model):
        payload = model.model_dump_json().encode()
        self._publish(Message(topic.of(self._root, device), payload, topic.qos, topic.retained))

    def _publish(self, message):
        token = object()
        self._unacknowledged.add(token)
        self.session.publish(message, token)
