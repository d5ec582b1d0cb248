"""The table that a person reads."""

from agent.bench.table import table


def test_a_gpus_own_times_have_a_column(report):
    head, gpu, cpu = table(report).splitlines()[2:5]
    assert head.split()[:2] == ["runtime", "file"]
    assert gpu.split() == [
        *("tensorrt", "fp16", "640x384", "1", "8.00", "8.80", "16.00", "5.00", "125.0")
    ]
    assert cpu.split() == [
        *("onnxruntime-cpu", "fp32", "640x384", "1", "80.00", "88.00", "88.00", "12.5")
    ]
    own = head.index("GPU p50"), head.index("GPU p50") + len("GPU p50")
    assert gpu[slice(*own)].strip() == "5.00"
    assert not cpu[slice(*own)].strip()


def test_machine_clip_sensors_and_what_is_missing_are_told(report):
    first, *_, clip, watts, celsius, slowed, _, skipped = table(report).splitlines()
    assert first == (
        "NVIDIA Jetson Orin Nano, GPU Orin, Jetson Linux 36.4.3, power mode 25W, 6 cores, "
        "sfumato 0.1.0, tensorrt 10.3.0"
    )
    assert clip == (
        "1920x1080 h264, 250 frames, decoded by pyav, looked at every 5 with fp16 on tensorrt: "
        "61.2 frames/s, 64.5 steady, 2.45x real time; encode was the slowest stage"
    )
    assert watts == "drew at most: VDD_IN 11.2 W"
    assert celsius == "warmed to at most: gpu-thermal 61.5 C"
    assert slowed == "slowed down by gpu-throttle-alert"
    assert skipped == "not measured: onnxruntime-cuda: built without CUDA"


def test_without_a_clip_there_is_no_line_of_it(report):
    said = table(report.model_copy(update={"clip": None}))
    assert "1920" not in said
    assert "  \n" not in said
