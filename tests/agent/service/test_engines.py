"""`sfumato run` on a simulated machine with TensorRT: it builds, says so, runs, and can be stopped."""

import textwrap

import pytest
from gpu_process import GPU, environment
from networks import PLACE
from precisions import SLOW, write_precisions
from running_agent import RunningAgent, configured, segments
from worlds import bright_clip, leaks, lumas

pytestmark = pytest.mark.slow


@pytest.fixture
def agent(tmp_path):
    """One with a stream, before it begins."""
    clip = bright_clip(tmp_path / "clip.mp4", PLACE, frames=60)
    door = {"source": {"url": str(clip), "realtime": True, "loop": True}, "effect": "solid"}
    bundle = write_precisions(tmp_path / "x.sfm", {"fp32": SLOW})
    record = {"dir": str(tmp_path / "video"), "segment_s": 2, "keep": {"free": None}}

    def begun(*before):
        config = configured(bundle, {"door": door}, record=record)
        path = environment(*before)["PYTHONPATH"]
        return RunningAgent(tmp_path, config, environment={"PYTHONPATH": path})

    return begun


def test_it_waits_for_the_engine_says_how_far_it_is_and_redacts_by_it(agent, tmp_path):
    with agent() as running:
        running.ready()
        told = [line for each in running.told for line in each.splitlines()]
        building = [line for line in told if line.startswith("STATUS=building the engine of world")]
        assert "building the engine of world in fp32 for " in building[0]
        assert "once, and it takes minutes" in building[0]
        assert any(line.endswith(": 50 %") for line in building)
        running.until(lambda: running.stream("door", "output_frames_total") > 40)
        metrics = running.metrics()
        assert running.stop() == 0
    assert "fp32 on tensorrt: passes (chosen)" in running.said()
    (model,) = [dict(labels) for (name, *labels) in metrics if name == "sfumato_model_info"]
    assert model["runtime"] == "tensorrt"
    pictures = [luma for path in segments(tmp_path, "door") for luma in lumas(path)]
    assert len(pictures) > 20
    assert not leaks(pictures)
    with agent() as running:  # the engine is there
        running.ready()
        assert running.stop() == 0
    assert "building" not in running.said()
    assert "fp32 on tensorrt: passes (chosen)" in running.said()


def test_who_stops_it_need_not_wait_for_the_engine(agent, tmp_path):
    slow = tmp_path / "slow"
    slow.mkdir()
    library = (GPU / "tensorrt" / "__init__.py").read_text()
    wait = "import sys, time\nif 'models.runtime.engine_child' in sys.orig_argv: time.sleep(3600)\n"
    (slow / "tensorrt.py").write_text(wait + library)
    with agent(slow) as running:
        running.until(lambda: any("STATUS=building the engine" in each for each in running.told))
        assert not any("READY=1" in each for each in running.told)
        assert running.stop() == 0
    assert "fp32 on tensorrt: building the engine was cancelled" in running.said()


def test_a_gpu_that_fails_for_good_covers_all_and_starves_the_watchdog(agent, tmp_path):
    """Which has systemd start the process anew: in this one nothing mends it."""
    breaking, sign = tmp_path / "breaking", tmp_path / "break"
    breaking.mkdir()
    library = (GPU / "tensorrt" / "__init__.py").read_text()
    breaks = textwrap.dedent(
        f"""
        import pathlib, threading, time

        def break_it():
            while not pathlib.Path({str(sign)!r}).exists():
                time.sleep(0.05)
            MACHINE.breaks["memcpy_htod_async"] = MACHINE.LaunchError("unspecified launch failure")

        threading.Thread(target=break_it, daemon=True).start()
        """
    )
    (breaking / "tensorrt.py").write_text(library + breaks)
    with agent(breaking) as running:
        running.ready()
        running.until(lambda: running.stream("door", "output_frames_total") > 10)
        sign.touch()
        running.until(
            lambda: any("STATUS=the GPU failed for good" in each for each in running.told)
        )
        said = len(running.told)
        covered = running.stream("door", "covered_whole_frames_total", reason="no valid result")
        running.until(
            lambda: (
                running.stream("door", "covered_whole_frames_total", reason="no valid result")
                > covered + 20
            )
        )
        assert not any("WATCHDOG" in each for each in running.told[said:])
        running.stop()
    assert "the watchdog is no longer fed" in running.said()
    assert not leaks([luma for path in segments(tmp_path, "door") for luma in lumas(path)])
