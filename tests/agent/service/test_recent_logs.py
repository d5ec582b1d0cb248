"""The last lines of a log."""

import json
import logging
from dataclasses import asdict

import pytest

from agent.service.recent_logs import (
    MAX_ANSWER_BYTES,
    MAX_BYTES,
    MAX_LINE_BYTES,
    MAX_LINES,
    RecentLogs,
)


@pytest.fixture
def recent():
    return RecentLogs(lambda text: text.replace("sesame", "***"))


@pytest.fixture
def log(recent):
    """Of its own: no other handler sees what is odd."""
    log = logging.Logger("recent", logging.INFO)  # noqa: LOG001 unlike a registered one
    log.addHandler(recent)
    return log


def texts(recent, most=500, since=None):
    return [line.text for line in recent.lines(most, since)[0]]


def test_it_keeps_who_said_what_and_when(recent, log):
    log.warning("no frame for %g s", 10, extra={"stream": "door"})
    log.info("ready")
    (first, second), left_out = recent.lines(10)
    assert (first.level, first.stream, first.text) == ("warning", "door", "no frame for 10 s")
    assert (second.level, second.stream, second.text) == ("info", None, "ready")
    assert 1.7e9 < first.ts <= second.ts
    assert not left_out


def test_it_holds_no_secret(recent, log):
    log.info("rtsp://viewer:sesame@10.0.0.5", extra={"stream": "sesame"})
    try:
        int("sesame")
    except ValueError:
        log.exception("a fault of ours")
    kept = recent.lines(10)[0]
    assert "sesame" not in json.dumps([asdict(line) for line in kept])
    assert "ValueError: invalid literal" in kept[1].text


def test_it_gives_the_last_ones_and_those_since(recent, log):
    for i in range(10):
        log.info("line %d", i)
    assert texts(recent, most=3) == ["line 7", "line 8", "line 9"]
    since = recent.lines(4)[0][0].ts
    assert texts(recent, since=since) == [
        line.text for line in recent.lines(500)[0] if line.ts > since
    ]
    assert texts(recent, since=since + 3600) == []


def test_its_memory_has_an_end(recent, log):
    for i in range(MAX_LINES + 5):
        log.info("line %d", i)
    assert len(recent._lines) == MAX_LINES
    assert texts(recent, most=1) == [f"line {MAX_LINES + 4}"]
    for i in range(2 * MAX_BYTES // 5000):
        log.info("%d %s", i, "x" * 5000)
    assert sum(line.size_bytes for line in recent._lines) <= MAX_BYTES
    assert recent._size_bytes == sum(line.size_bytes for line in recent._lines)
    assert len(recent._lines) > 50


def test_an_answer_fits_into_a_message(recent, log):
    for i in range(40):
        log.info("%d %s", i, "ü" * 1000)
    lines, left_out = recent.lines(500)
    assert left_out
    assert lines[-1].text.startswith("39 ")
    assert len(lines) > 5
    assert len(json.dumps([asdict(line) for line in lines])) <= MAX_ANSWER_BYTES


@pytest.mark.parametrize("letter", ["x", "ü", "\N{GRINNING FACE}", "\0", "\ud800"], ids=ascii)
def test_one_line_is_shortened_and_can_be_sent(recent, log, letter):
    log.info(letter)
    log.info(letter * 3 * MAX_LINE_BYTES)
    short, line = recent.lines(2)[0]
    assert short.text.encode()
    assert line.text.endswith("(shortened)")
    assert len(line.text.encode()) <= MAX_LINE_BYTES + 20
    assert line.size_bytes <= MAX_ANSWER_BYTES


def test_a_record_that_can_not_be_written_harms_nobody(recent, log, capsys):
    class Odd:
        def __str__(self):
            raise RuntimeError("sesame")

    log.info("%s", Odd())
    log.info("next")
    assert texts(recent)[-1] == "next"
    assert "sesame" not in "".join(texts(recent))
    assert capsys.readouterr().err == ""
