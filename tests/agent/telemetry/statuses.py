"""What an agent may say of itself."""

from agent.control.messages import ControlTele
from agent.telemetry.sensors import Readings
from agent.telemetry.status import (
    AgentStatus,
    ControlStatus,
    ModelStatus,
    RecordingsStatus,
    StreamStatus,
)
from models.runtime.candidate import Candidacy

DOOR = StreamStatus(
    "running",
    reason="",
    since_s=1_700_000_000.5,
    frames_in=1010,
    frames_out=1000,
    dropped=7,
    damaged=3,
    detections=200,
    labels={"person": 9, "car": 3},
    whole={"no keyframe": 40, 'detector "failed"\n': 2},
    stage_s={("decode", "busy"): 1.5, ("decode", "wait_in"): 8.0, ("encode", "wait_out"): 0.25},
    late=5,
    queues={"analyse": 2, "encode": 0},
    held_back=12,
    last_frame_age_s=0.125,
    reconnections=4,
    size=(1920, 1080),
    rate=25.0,
)

YARD = StreamStatus("starting", reason="rtsp://viewer:secret@10.0.0.5 refuses")
"""That has given nothing yet."""

MODEL = ModelStatus(
    "person",
    3,
    "int8",
    "onnxruntime-cpu",
    "ab" * 32,
    (
        Candidacy(None, "absent", "TensorRT is not installed", "tensorrt"),
        Candidacy("int8", "chosen", "passes, 1.52x", "onnxruntime-cpu"),
        Candidacy(
            "uint8",
            "refused",
            "refused: golden frame 2: 'person' is not found " + "x" * 200,
            "onnxruntime-cpu",
        ),
    ),
)

COUNTS = ControlTele(
    queued=12,
    queued_bytes=2048,
    dropped=2,
    unheard=5,
    refused={"invalid": 1, "too_large": 6},
    reconnections=3,
)

STATUS = AgentStatus(
    version="1.2.3",
    device="gate-7",
    model=MODEL,
    hung_detections=1,
    streams={"door": DOOR, "yard": YARD},
    recordings=RecordingsStatus(size_bytes=5 << 30, free_bytes=2 << 30, deleted=9),
    control=ControlStatus("", COUNTS),
)

READINGS = Readings(
    celsius={"cpu-thermal": 51.25},
    watts={"VDD_IN": 5.04},
    throttled={"cpufreq-cpu0": False, "gpu-throttle-alert": True},
    throttle_events={"oc3": 37},
    power_mode="MAXN",
)
