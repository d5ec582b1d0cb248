"""Names of recordings: whatever is one can be read back, and nothing else is taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.video.recording_name import RecordingName, SinceBoot

BOOT = SinceBoot("1a2b3c4d", 41_250)

NAMES = st.builds(
    RecordingName,
    st.integers(0, 2**33),
    st.integers(1, 10**12 - 1),
    st.none()
    | st.builds(SinceBoot, st.text("0189af", min_size=8, max_size=8), st.integers(0, 10**14)),
)


def test_a_name_says_when_and_which():
    assert str(RecordingName(1796028638, 123)) == "2026-11-30T08-50-38Z_000123.mp4"
    assert str(RecordingName(0, 7, BOOT)) == "1970-01-01T00-00-00Z~1a2b3c4d.41250_000007.mp4"
    assert RecordingName(0, 7).part == ".1970-01-01T00-00-00Z_000007.mp4.part"


@given(NAMES)
def test_every_name_is_read_back(name):
    assert RecordingName.parse(str(name)) == name
    assert RecordingName.parse_part(name.part) == name
    assert RecordingName.parse(name.part) is None
    assert RecordingName.parse_part(str(name)) is None


@given(NAMES, st.data())
def test_a_name_that_was_changed_is_another_recordings_or_none(name, data):
    text = str(name)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("0aZ~-_. /\n٣")) + text[at + 1 :]
    read = RecordingName.parse(changed)
    assert read is None or str(read) == changed


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29T08-50-38Z_000123.mp4.bak",
        "holiday_2026-11-29T08-50-38Z_000123.mp4",
        "2026-02-31T08-50-38Z_000123.mp4",
        "2026-11-29T25-50-38Z_000123.mp4",
        "2026-11-29T08-50-38Z_123.mp4",
        "2026-11-29T08-50-38Z_0000123.mp4",
        "2026-11-29T08-50-38Z~1A2B3C4D.41250_000123.mp4",
        "2026-11-29T08-50-38Z~1a2b3c4d.041250_000123.mp4",
        "2026-11-29T08-50-38Z_000123.MP4",
        "2026-11-29T08-50-38Z_000123.mp4\n",
        "",
    ],
)
def test_what_a_person_may_have_put_there_is_no_recording(text):
    assert RecordingName.parse(text) is None
    assert RecordingName.parse_part(text) is None
    assert RecordingName.parse_part(f".{text}.part") is None


@given(NAMES, st.integers(0, 2**31))
@example(RecordingName(0, 1, BOOT), 1_796_028_638)
def test_a_time_that_becomes_known_replaces_the_doubt(name, booted_s):
    told = name.told(BOOT.boot, booted_s)
    if name.since_boot is None or name.since_boot.boot != BOOT.boot:
        assert told == name
    else:
        at_s = booted_s + name.since_boot.uptime_ms // 1000
        assert told == RecordingName(at_s, name.number)


def test_a_boot_is_known_by_the_beginning_of_its_id():
    assert SinceBoot.of("1A2B3C4D-66d2-44a5-a73b-816f9d63657d", 41.2509) == BOOT
