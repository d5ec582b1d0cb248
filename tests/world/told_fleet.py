"""A fleet of which there is nothing but what it told a broker, as it would stand there."""

import time

from agent.control import topics
from agent.control.broker import Broker
from agent.control.delivery import Message
from agent.control.messages import (
    ConfigDesired,
    ConfigReported,
    Conn,
    ControlTele,
    GroupModelDesired,
    Info,
    ModelInfo,
    ModelReported,
    Streams,
    StreamState,
    StreamTele,
    Tele,
)
from agent.control.ops import OPS
from agent.fleet.client import Client, Connected, Published

NEW, OLD = "5" * 64, "4" * 64
"""Digests of bundles."""


class ToldFleet:
    """Speaks for any device, over one connection; a context."""

    def __init__(self, port, group="site-north"):
        self._group, self._sent, self._unanswered = group, 0, {}
        self._client = Client(Broker("127.0.0.1", port, jitter_s=0), topics.ROOT, [])

    def __enter__(self):
        self._client.__enter__()
        self._client.connect()
        return self

    def __exit__(self, *_):
        self._client.__exit__(None, None, None)

    def say(self, topic, device, model):
        """What a device tells, or is told; once this returns, the broker has it. None: nothing."""
        self._send(topic, device, model)
        self._settle()

    def _settle(self):
        """Wait until the broker has answered for everything; what it lost is said again."""
        while self._unanswered:
            happening = self._client.next(60)
            assert happening is not None, "the broker does not answer"
            if isinstance(happening, Published):
                self._unanswered.pop(happening.token, None)
            elif isinstance(happening, Connected):
                for token, message in self._unanswered.items():
                    self._client.publish(message, token)

    def _send(self, topic, device, model):
        is_told = topic.direction == "down"
        payload = b"" if model is None else model.model_dump_json(exclude_none=is_told).encode()
        message = Message(topic.of(topics.ROOT, device, self._group), payload, 1, topic.retained)
        self._sent += 1
        self._unanswered[self._sent] = message
        self._client.publish(message, self._sent)

    def devices(self, names, **told):
        """Many of them at once."""
        for name in names:
            self._device(name, **told)
        self._settle()

    def device(self, name, **told):
        """A device that told all there is to tell."""
        model = self._device(name, **told)
        self._settle()
        return model

    def _device(self, name, *, reason="start", streams=None, version=4, state="committed", **info):
        now_s = time.time()
        model = ModelInfo(
            name="person", version=version, digest="0" * 64, precision="int8",
            runtime="tensorrt", bundle=NEW if version == 5 else OLD,
        )  # fmt: skip
        self._send(topics.CONN, name, Conn(
            online=reason == "start", boot_id="b", reason=reason, ts=now_s - 5, clock_synced=True,
        ))  # fmt: skip
        self._send(topics.INFO, name, Info(**{
            "agent": "0.2.0", "schema_digest": "0" * 64, "hardware": "Jetson Orin Nano", "l4t": None,
            "model": model, "ops": dict.fromkeys(OPS, "0" * 64), "signed": False,
            "certificate_end": now_s + 90 * 86400, "groups": (self._group,), **info,
        }))  # fmt: skip
        states = {"door": "running"} if streams is None else streams
        self._send(topics.STREAMS, name, Streams(streams={
            stream: StreamState(
                state=of, reason="", since=now_s - 3600, size=(1920, 1080), rate=25.0,
                model=f"person v{version}", covered=False,
            )
            for stream, of in states.items()
        }))  # fmt: skip
        self._configured(name)
        if state is not None:
            self._updated(name, state, model)
        return model

    def configured(self, name, rev=0, **shall):
        """How its configuration is, and shall be."""
        self._configured(name, rev, **shall)
        self._settle()

    def _configured(self, name, rev=0, *, desired=None, applied=True):
        self._send(topics.CONFIG_REPORTED, name, ConfigReported(
            rev=rev, applied=applied, digest="0" * 64, errors={}, overrides=(), needs_restart=(),
        ))  # fmt: skip
        if desired is not None:
            config = ConfigDesired(v=1, rev=desired, telemetry={"interval_s": 60})
            self._send(topics.CONFIG_DESIRED, name, config)

    def updated(self, name, state, model=None, **fields):
        """How far it is with what its group is offered."""
        self._updated(name, state, model, **fields)
        self._settle()

    def _updated(self, name, state, model=None, **fields):
        self._send(topics.MODEL_REPORTED, name, ModelReported(**{
            "rev": 3, "group": self._group, "digest": NEW, "state": state, "progress": 1.0,
            "reason": "", "active": model, "previous": None, "refused": (), **fields,
        }))  # fmt: skip

    def offer(self, percent=25.0):
        """What the group is offered."""
        self.say(topics.GROUP_MODEL_DESIRED, "", GroupModelDesired(
            v=1, rev=3, name="person", version=5, digest=NEW, percent=percent, salt="s",
        ))  # fmt: skip

    def tele(self, name, **fields):
        """What it tells once a minute."""
        stream = StreamTele(
            state="running", frames_in=1010, frames_out=1000, dropped=7, damaged=3, detections=200,
            objects=12, whole={"no keyframe": 40}, last_frame_age_s=0.125, reconnections=4,
        )  # fmt: skip
        control = ControlTele(
            queued=2, queued_bytes=400, dropped=1, unheard=3, refused={}, reconnections=5
        )
        self.say(topics.TELE, name, Tele(**{
            "ts": time.time(), "boot_id": "b", "uptime_s": 7200.0, "streams": {"door": stream},
            "control": control, "celsius": {"cpu": 51.5}, "watts": {"VDD_IN": 7.25},
            "throttled": {"heat": False}, "power_mode": "15W", "recordings_bytes": 5 << 30,
            "free_bytes": 9 << 30, "resident_bytes": 300 << 20, **fields,
        }))  # fmt: skip
