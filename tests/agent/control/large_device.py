"""A device with as much to tell as one may have: eight streams with long names, all in trouble."""

from agent.control.messages import (
    ConfigReported,
    Conn,
    Info,
    ModelInfo,
    ModelReported,
    Override,
    Streams,
    StreamState,
    StreamTele,
    Tele,
)
from agent.control.ops import OPS
from agent.control.schemas import args_digests, schema_digest
from agent.service.updating import MOST_LETTERS, MOST_REFUSED

NOW = 1_790_000_000.123
DEVICE = "gate-7".ljust(64, "x")
REASON = "rtsp://10.0.0.5:8554/stream1: 5XX Server Error reply (no route to host) ".ljust(500, "é")
MODEL = ModelInfo(
    name="person-car-plate",
    version=2026_11_28,
    digest="ab" * 32,
    precision="int8",
    runtime="onnxruntime 1.24 CPUExecutionProvider",
)
CANDIDATES = [
    f"{role} on {runtime}"
    for runtime, roles in {
        "tensorrt": ("int8", "fp16"),
        "onnxruntime-cuda": ("fp32", "fp16"),
        "onnxruntime-cpu": ("uint8", "fp32", "fp16"),
    }.items()
    for role in roles
]
"""All that may be tried of a bundle of every precision."""
NAMES = [f"stream-{number}-".ljust(64, "y") for number in range(8)]
TELE = Tele(
    ts=None,
    boot_id="b",
    uptime_s=1.5,
    streams={
        "door": StreamTele(
            state="running",
            frames_in=1,
            frames_out=1,
            dropped=0,
            damaged=0,
            detections=1,
            objects=0,
            whole={"stale": 1},
            last_frame_age_s=None,
            reconnections=0,
        )
    },
    control={
        "queued": 0,
        "queued_bytes": 0,
        "dropped": 0,
        "unheard": 0,
        "refused": {},
        "reconnections": 0,
    },
    celsius={},
    throttled={},
    power_mode=None,
    recordings_bytes=None,
    free_bytes=None,
    resident_bytes=1,
)


def streams_of(names=NAMES, reason=REASON):
    state = StreamState(
        state="reconnecting",
        reason=reason,
        since=NOW,
        size=(3840, 2160),
        rate=29.97,
        model=f"{MODEL.name} {MODEL.version}",
        covered=True,
    )
    return Streams(streams=dict.fromkeys(names, state))


def info_of(ops=tuple(OPS), hardware="NVIDIA Jetson Orin Nano Engineering Reference"):
    return Info(
        agent="0.1.0",
        schema_digest=schema_digest(),
        hardware=hardware,
        l4t="36.4.3",
        model=MODEL,
        candidates=dict.fromkeys(CANDIDATES, "é" * 40),
        ops=args_digests(ops),
        signed=True,
        certificate_end=NOW,
        certificate_warning="expires in 12 days: `sfumato provision request` begins anew",
        groups=("site-north", "canary"),
    )


def retained():
    """All that lies retained at a broker for it, but what was asked of it."""
    return {
        "conn": Conn(
            online=True,
            boot_id="f" * 32,
            reason="start",
            ts=NOW,
            clock_synced=True,
            epoch="f" * 64,
            seq=2**53,
        ),
        "info": info_of(),
        "streams": streams_of(),
        "config/reported": ConfigReported(
            rev=2**53,
            applied=False,
            digest="ab" * 32,
            errors={f"streams.{name}.hide.classes": "x" * 120 for name in NAMES},
            overrides=tuple(Override(stream=name, paused=True, until=NOW) for name in NAMES),
            needs_restart=("device", "record.dir", "control.operators", "limits"),
        ),
        "model/reported": ModelReported(
            rev=2**53,
            group=DEVICE,
            name="person-car-plate",
            version=2026_11_28,
            digest="ab" * 32,
            state="rolled_back",
            progress=1,
            reason=REASON[:MOST_LETTERS],
            active=MODEL,
            previous=MODEL,
            refused=("ab" * 32,) * MOST_REFUSED,
        ),
    }
