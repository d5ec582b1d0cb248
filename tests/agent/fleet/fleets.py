"""What may be known of a fleet, without a broker."""

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
from agent.fleet.drift import Desired
from agent.fleet.inventory import DeviceState
from agent.fleet.live import Fleet

NEW = "5" * 64
MODEL = ModelInfo(name="person", version=5, digest="0", precision="int8", runtime="cpu", bundle=NEW)
INFO = Info(
    agent="0.2", schema_digest="0" * 64, hardware="box", l4t=None, model=MODEL, ops={},
    signed=False, certificate_end=2e9, groups=("north",),
)  # fmt: skip
STREAM = StreamState(
    state="running", reason="rtsp://secret", since=1500.0, size=None, rate=None, model=None,
    covered=False,
)  # fmt: skip
REPORTED = ConfigReported(
    rev=3, applied=True, digest="0" * 64, errors={}, overrides=(), needs_restart=()
)
COUNTS = StreamTele(
    state="running", frames_in=1010, frames_out=1000, dropped=7, damaged=3, detections=200,
    objects=12, whole={"no keyframe": 40}, last_frame_age_s=0.125, reconnections=4,
)  # fmt: skip
TELE = Tele(
    ts=1600.0, boot_id="b", uptime_s=7200.0, streams={"door": COUNTS},
    control=ControlTele(queued=2, queued_bytes=9, dropped=1, unheard=3, refused={}, reconnections=5),
    celsius={"cpu": 51.5}, watts={"VDD_IN": 7.25}, throttled={"heat": True}, power_mode="15W",
    recordings_bytes=5, free_bytes=9, resident_bytes=300,
)  # fmt: skip


def conn(reason="start"):
    return Conn(online=reason == "start", boot_id="b", reason=reason, ts=1400.0, clock_synced=True)


def update(state, digest=NEW):
    return ModelReported(
        rev=3, group="north", digest=digest, state=state, progress=0.5, reason="", active=MODEL,
        previous=None, refused=("4" * 64,),
    )  # fmt: skip


def device(name, reason="start", **fields):
    known = {
        "info": INFO, "streams": Streams(streams={"door": STREAM}), "reported": REPORTED,
        "model_reported": update("committed"),
    }  # fmt: skip
    return DeviceState(name, conn(reason), **{**known, **fields})


DRIFTING = Desired(ConfigDesired(v=1, rev=4), signed=False)
OFFER = GroupModelDesired(v=1, rev=3, name="person", version=5, digest=NEW, percent=25, salt="s")
FLEET = Fleet(
    devices={
        "gate-1": device("gate-1"),
        "gate-2": device("gate-2", "lost", model_reported=update("fetching")),
        "gate-3": device("gate-3", desired=DRIFTING, model_reported=update("committed", "6" * 64)),
        "gate-4": DeviceState("gate-4", unread={"conn"}),
    },
    tele={"gate-1": TELE},
    offers={"north": OFFER},
)
