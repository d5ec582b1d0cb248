"""What is read of a fleet, and what is made of it."""

import json
import os
from pathlib import Path

import pytest

from tests.bench.fleet import Fleet, Usage, cpu_and_memory, frames_by_stream
from tests.bench.window import jain, resident_at, window

METRICS = """\
# HELP sfumato_stream_output_frames_total Redacted frames that the sink took.
# TYPE sfumato_stream_output_frames_total counter
sfumato_stream_output_frames_total{device="bench",stream="s0"} 120.0
sfumato_stream_output_frames_total{device="bench",stream="s1"} 1.5e+03
# TYPE sfumato_stream_input_frames_total counter
sfumato_stream_input_frames_total{device="bench",stream="s0"} 7.0
"""


def test_frames_are_read_out_of_what_prometheus_is_told():
    assert frames_by_stream(METRICS) == {"s0": 120, "s1": 1500}


def test_a_process_that_has_blanks_in_its_name_is_measured():
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    fields = ["S", *map(str, range(4, 53))]  # each says its own number
    cpu_s, resident_mb = cpu_and_memory(f"7 (a) (b c) {' '.join(fields)}\n")
    assert cpu_s == pytest.approx((14 + 15) / ticks)
    assert resident_mb == pytest.approx(24 * page / 1e6)


def test_this_process_is_measured():
    before = os.times()
    cpu_s, resident_mb = cpu_and_memory(Path("/proc/self/stat").read_text())
    after = os.times()
    assert before.user + before.system - 0.1 < cpu_s < after.user + after.system + 0.1
    assert 10 < resident_mb < 10_000


def test_a_fleet_is_configured_with_what_is_asked_for_beside_its_metrics(tmp_path):
    more = {"mqtt": {"host": "127.0.0.1"}, "telemetry": {"interval_s": 10}}
    Fleet(1, tmp_path / "clip.mp4", tmp_path / "model.sfm", tmp_path, {}, more)
    written = json.loads((tmp_path / "agent.yaml").read_text())
    assert written["mqtt"] == more["mqtt"]
    assert written["telemetry"]["interval_s"] == 10
    assert written["telemetry"]["prometheus"].startswith("127.0.0.1:")


def usage(at_s, cpu_s, resident_mb, *frames):
    return Usage(at_s, cpu_s, resident_mb, {f"s{i}": count for i, count in enumerate(frames)})


def test_a_window_is_what_lies_between():
    found = window(usage(10, 5, 90, 100, 200), usage(14, 11, 95, 250, 450), rate=25)
    assert found.fps == 100
    assert found.cpu_ms == 15
    assert found.cpu_s == 0.375
    assert found.resident_mb == 95
    assert found.jain == pytest.approx(400**2 / (2 * (150**2 + 250**2)))


def test_jain_s_index():
    assert jain([5, 5, 5, 5]) == 1
    assert jain([8, 0, 0, 0]) == 0.25


def test_memory_is_read_where_the_slowest_stream_is():
    # The faster stream is at 10 % in sample 5, the slower one in sample 10.
    seen = [usage(i, 0, 100 + i, 10 * i, 20 * i) for i in range(101)]
    assert resident_at(seen, 0.1) == pytest.approx(100 + 14.5)
    assert resident_at(seen, 1.0) == pytest.approx(100 + 95.5)


def test_one_that_stalls_in_a_spike_does_not_decide():
    seen = [usage(i, 0, 900 if i == 12 else 100, i + 1) for i in range(101)]
    assert resident_at(seen, 0.1) == 100
