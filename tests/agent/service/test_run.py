"""`sfumato run` as its own process, on files that stand for cameras."""

import signal
import socket
import time

import av
import numpy as np
import pytest
from networks import PLACE, hanging_network, network
from running_agent import RunningAgent, configured, segments
from worlds import Thing, World, bright_clip, covered_whole, leaks, lumas, write_world_bundle

pytestmark = pytest.mark.slow

LONG_S = 600
"""What takes a machine with nothing else to do a minute may take a busy one so long."""


@pytest.fixture
def bundle(tmp_path):
    return write_world_bundle(tmp_path / "world.sfm", network())


@pytest.fixture
def clip(tmp_path):
    """Six seconds in which something bright stands where the network sees a person."""
    return bright_clip(tmp_path / "clip.mp4", PLACE, frames=150)


def times_of(path):
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def test_a_file_as_a_camera_is_redacted_recorded_and_counted(tmp_path, bundle, clip):
    door = {"source": {"url": str(clip), "realtime": True, "loop": True}, "effect": "solid"}
    record = {"dir": str(tmp_path / "video"), "segment_s": 2, "keep": {"free": None}}
    config = configured(bundle, {"door": door}, record=record)
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 160)
        assert agent.state("door") == "running"
        metrics = agent.metrics()
        assert agent.stop() == 0
    assert metrics["sfumato_stream_reconnections_total", ("stream", "door")] == 0
    assert not any(
        name == "sfumato_stream_covered_whole_frames_total" and value
        for (name, *_), value in metrics.items()
    )
    recorded = segments(tmp_path, "door")
    assert len(recorded) >= 3
    assert not list((tmp_path / "video" / "door").glob(".*"))
    pictures = [luma for path in recorded for luma in lumas(path)]
    assert len(pictures) >= metrics["sfumato_stream_output_frames_total", ("stream", "door")]
    assert not leaks(pictures)
    # ... and it is not that all were covered.
    ground = np.stack(pictures)[:, 70:, 100:]
    assert (abs(ground.astype(int) - 73) < 20).mean() > 0.9
    assert "Traceback" not in agent.said()


@pytest.mark.parametrize(
    ("spoilt", "code", "word"),
    [
        ({"stream": {}}, 2, "streams"),
        ({"streams": {"door": {"source": "x.mp4", "classes": ["dragon"]}}}, 2, "dragon"),
        ({"model": {"bundle": "nothing.sfm", "allow_unsigned": True}}, 5, "nothing.sfm"),
        ({"model": {"allow_unsigned": True}}, 2, "model.bundle"),
    ],
)
def test_what_can_never_run_says_so_in_a_line(tmp_path, bundle, spoilt, code, word):
    config = {**configured(bundle, {"door": "clip.mp4"}), **spoilt}
    with RunningAgent(tmp_path, config) as agent:
        assert agent.process.wait(60) == code
    said = agent.said().strip()
    assert word in said
    assert "Traceback" not in said
    assert not any("READY" in each for each in agent.told)


def to_file(tmp_path, clip, name, **more):
    source = {"url": str(clip), "realtime": True}
    sink = {"file": str(tmp_path / f"{name}.mp4")}
    return {"source": source, "sink": sink, **more}


def test_a_reload_touches_only_what_changed(tmp_path, bundle, clip):
    names = [f"s{i}" for i in range(8)]
    streams = {name: to_file(tmp_path, clip, name, effect="solid") for name in names}
    streams["s0"]["effect"] = "blur"
    with RunningAgent(tmp_path, configured(bundle, streams)) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("s5", "output_frames_total") > 25)
        changed = {
            **streams,
            "s0": {**streams["s0"], "effect": "solid"},
            "new": to_file(tmp_path, clip, "new"),
        }
        del changed["s1"]
        agent.configure(configured(bundle, changed))
        told = agent.reload()
        assert "RELOADING=1" in told[0]
        assert "MONOTONIC_USEC=" in told[0]
        agent.until(lambda: agent.state("new") == "ended")
        assert {agent.state(name) for name in names if name != "s1"} == {"ended"}
        assert agent.stop() == 0
    whole = times_of(clip)
    for name in (*names[2:], "s0", "new"):
        assert times_of(tmp_path / f"{name}.mp4") == whole, name
    cut = times_of(tmp_path / "s1.mp4")
    assert cut == whole[: len(cut)]
    assert len(cut) < len(whole)
    # s0 became solid on the way, and was never bare.
    spots = [
        luma[PLACE[1] + 6 : PLACE[3] - 6, PLACE[0] + 6 : PLACE[2] - 6]
        for luma in lumas(tmp_path / "s0.mp4")
    ]
    assert spots[0].mean() > 60
    assert spots[-1].mean() < 30
    assert not leaks(lumas(tmp_path / "s2.mp4"))


def test_a_bad_file_changes_nothing(tmp_path, bundle, clip):
    streams = {"door": to_file(tmp_path, clip, "door")}
    with RunningAgent(tmp_path, configured(bundle, streams)) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 10)
        for spoilt in (
            {"door": {**streams["door"], "effect": "transparent"}},
            {"door": {**streams["door"], "classes": ["dragon"]}},
        ):
            agent.configure(configured(bundle, spoilt))
            told = agent.reload()
            assert "RELOADING=1" in told[0]
            assert any("stays as it was" in each for each in told)
        agent.path.write_bytes(b"\xff\x00: [")
        assert any("stays as it was" in each for each in agent.reload())
        agent.until(lambda: agent.state("door") == "ended")
        assert agent.stop() == 0
    assert times_of(tmp_path / "door.mp4") == times_of(clip)
    assert "Traceback" not in agent.said()


def test_a_reload_whose_metrics_nobody_can_serve_changes_nothing_else_either(
    tmp_path, bundle, clip
):
    door = to_file(tmp_path, clip, "door")
    with RunningAgent(tmp_path, configured(bundle, {"door": door})) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 10)
        both = {"door": door, "yard": to_file(tmp_path, clip, "yard")}
        with socket.create_server(("127.0.0.1", 0)) as taken:
            elsewhere = {"prometheus": f"127.0.0.1:{taken.getsockname()[1]}"}
            agent.configure(configured(bundle, both, telemetry=elsewhere))
            assert any("stays as it was" in each for each in agent.reload())
            assert "sfumato_stream_state" in {name for name, *_ in agent.metrics()}
            agent.configure(configured(bundle, both))
            agent.reload()
            agent.until(lambda: agent.state("yard") in ("running", "ended"))
        assert agent.stop() == 0


def test_nobody_waits_for_cameras_that_do_not_answer(tmp_path, bundle, clip):
    """They take a connection and say nothing, for far longer than anything here may take."""
    with socket.create_server(("127.0.0.1", 0)) as camera:
        url = f"rtsp://127.0.0.1:{camera.getsockname()[1]}/silent"
        silent = {"source": {"url": url, "open_timeout_s": 300}, "record": False}
        streams = dict.fromkeys("abcde", silent)
        with RunningAgent(tmp_path, configured(bundle, streams)) as agent:
            agent.ready()
            held = [camera.accept() for _ in streams]
            fewer = {"e": silent, "door": to_file(tmp_path, clip, "door")}
            agent.configure(configured(bundle, fewer))
            began_s = time.monotonic()
            agent.reload()
            assert time.monotonic() - began_s < 20  # to wait 8 for each of four would be longer
            agent.until(lambda: agent.stream("door", "output_frames_total") > 10)
            assert agent.stop() == 0
            for connection, _ in held:
                connection.close()
    assert "did not stop in time" not in agent.said()
    assert len(times_of(tmp_path / "door.mp4")) > 10


def test_paused_closes_the_source_and_is_shown(tmp_path, bundle, clip):
    door = {"source": {"url": str(clip), "realtime": True, "loop": True}}
    with RunningAgent(tmp_path, configured(bundle, {"door": door})) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 10)
        agent.until(lambda: clip in agent.open_files())  # it loops: opened again and again
        agent.configure(configured(bundle, {"door": {**door, "paused": True}}))
        agent.reload()
        agent.until(lambda: agent.state("door") == "paused")
        assert clip not in agent.open_files()
        agent.configure(configured(bundle, {"door": door}))
        agent.reload()
        agent.until(lambda: agent.state("door") == "running")
        assert agent.stop() == 0


@pytest.mark.usefixtures("all_cores")
def test_streams_share_one_model_fairly(tmp_path, bundle, clip):
    """Eight that go as fast as they can, one of which begins anew again and again."""
    source = {"url": str(clip), "loop": True}
    streams = {f"s{i}": {"source": source, "record": False, "every": 1} for i in range(8)}

    def written(agent):
        return [agent.stream(name, "output_frames_total") for name in streams]

    def jain(shares):
        return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))

    with RunningAgent(tmp_path, configured(bundle, streams)) as agent:
        agent.ready()
        agent.until(lambda: min(written(agent)) > 100, LONG_S)
        before = written(agent)
        agent.until(lambda: sum(written(agent)) > sum(before) + 3000, LONG_S)
        undisturbed = [after - at for after, at in zip(written(agent), before, strict=True)]
        before = written(agent)
        for turn in range(4):
            restless = {**streams, "s0": {**streams["s0"], "max_every": 7 + turn}}
            agent.configure(configured(bundle, restless))
            agent.reload()
            so_far = sum(written(agent))
            agent.until(lambda so_far=so_far: sum(written(agent)) > so_far + 800, LONG_S)
        restarted = [after - at for after, at in zip(written(agent), before, strict=True)]
        assert agent.stop() == 0
    assert jain(undisturbed) >= 0.95, undisturbed
    assert jain(restarted) >= 0.95, restarted


@pytest.mark.usefixtures("all_cores")
def test_a_detector_that_hangs_ends_no_stream_and_three_times_the_feeding(tmp_path):
    """Once in each turn of a clip, at a picture that glares; what waits for it is covered whole."""
    bundle = write_world_bundle(tmp_path / "world.sfm", hanging_network())
    glare = Thing(lambda i: (0, 0) if i == 40 else None, size=(160, 96), luma=138)
    bright = Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), size=(28, 28))
    clip = World(glare, bright, frames=75).write(tmp_path / "clip.mp4")
    source = {"url": str(clip), "realtime": True, "loop": True}
    config = configured(bundle, {"door": {"source": source, "effect": "solid"}})
    config["model"]["detect_timeout_s"] = 5

    def hung(agent):
        return agent.metrics()["sfumato_hung_detections",]

    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        agent.until(lambda: hung(agent) == 1)
        fed = agent.told.count("WATCHDOG=1")
        agent.until(lambda: agent.told.count("WATCHDOG=1") > fed + 1)
        written = agent.stream("door", "output_frames_total")
        agent.until(lambda: agent.stream("door", "output_frames_total") > written + 75)
        agent.until(lambda: any("hung 3 times" in each for each in agent.told), LONG_S)
        written, told = agent.stream("door", "output_frames_total"), len(agent.told)
        agent.until(lambda: agent.stream("door", "output_frames_total") > written + 75)
        assert "WATCHDOG=1" not in agent.told[told:]
        reason = {"reason": "detector timed out"}
        assert agent.stream("door", "covered_whole_frames_total", **reason) >= 3
        assert agent.stream("door", "reconnections_total") == 0
        assert agent.stop() == 0
    pictures = [luma for path in segments(tmp_path, "door") for luma in lumas(path)]
    assert not leaks(pictures)
    assert 0 < len(covered_whole(pictures)) < len(pictures) / 2


def test_what_was_killed_is_whole_after_the_next_start(tmp_path, bundle, clip):
    door = {"source": {"url": str(clip), "realtime": True, "loop": True}}
    config = configured(bundle, {"door": door})
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 120)
        written = agent.stream("door", "output_frames_total")
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
    (left,) = (tmp_path / "video" / "door").iterdir()
    assert left.name.startswith(".")
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        (recovered,) = agent.until(lambda: segments(tmp_path, "door"))
        assert agent.stop() == 0
    assert len(times_of(recovered)) >= written - 50
