"""A bench's report, of a machine with a GPU."""

import pytest

from agent.bench.bench_report import (
    BenchReport,
    BundlePart,
    ClipPart,
    LatencyPart,
    MachinePart,
    NetworkPart,
    SensorPart,
    SkippedPart,
)
from agent.report_parts import StagePart


def latency(ms):
    return LatencyPart(runs=100, p50_ms=ms, p90_ms=1.1 * ms, p99_ms=ms + 8)


def row(runtime, precision, ms, gpu_ms=None, batch=1):
    return NetworkPart(
        runtime=runtime,
        precision=precision,
        size=(640, 384),
        batch=batch,
        wall=latency(ms),
        device=None if gpu_ms is None else latency(gpu_ms),
        images_per_s=round(1000 * batch / ms, 1),
    )


@pytest.fixture
def report():
    stages = ("decode", 0.25), ("detect", 0.9), ("encode", 0.5)
    return BenchReport(
        machine=MachinePart(
            device="NVIDIA Jetson Orin Nano",
            l4t="36.4.3",
            os="Linux 5.15.148-tegra",
            architecture="aarch64",
            power_mode="25W",
            cores=6,
            gpu="Orin",
            versions={"sfumato": "0.1.0", "tensorrt": "10.3.0"},
        ),
        bundle=BundlePart(
            family="yolo_seg", layout=None, classes=1, sizes=((640, 640),), files={"fp16": 7}
        ),
        threads=1,
        networks=(row("tensorrt", "fp16", 8.0, 5.0), row("onnxruntime-cpu", "fp32", 80.0)),
        clip=ClipPart(
            width=1920,
            height=1080,
            codec="h264",
            frames=250,
            decoder="pyav",
            runtime="tensorrt",
            precision="fp16",
            every=5,
            workers=4,
            fps=61.25,
            steady_fps=64.5,
            real_time_factor=2.45,
            bottleneck="encode",
            stages=tuple(
                StagePart(
                    name=name,
                    threads=1,
                    frames=250,
                    busy_s=1,
                    wait_in_s=0,
                    wait_out_s=0,
                    load=load,
                )
                for name, load in stages
            ),
            watts={"VDD_IN": SensorPart(mean=9.5, most=11.25)},
            celsius={"gpu-thermal": SensorPart(mean=50, most=61.5)},
            throttled=("gpu-throttle-alert",),
        ),
        skipped=(SkippedPart(what="onnxruntime-cuda", why="built without CUDA"),),
    )
