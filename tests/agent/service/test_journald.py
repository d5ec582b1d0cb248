"""Records in the journal's native protocol."""

import logging
import threading
from pathlib import Path

import pytest

from agent.service.journald import JournaldHandler
from tests.agent.service.journal_socket import JournalSocket


def hide(text):
    return text.replace("secret", "***")


@pytest.fixture
def journal(tmp_path):
    journal = JournalSocket(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture
def log(tmp_path):
    """A logger that writes there, and nowhere else."""
    handler = JournaldHandler(tmp_path / "journal", hide)
    log = logging.Logger("test")  # noqa: LOG001 one of its own, that no other test sees
    log.addHandler(handler)
    yield log
    handler.close()


def test_a_record_says_what_where_and_about_which_stream(log, journal):
    log.warning("it is %s", "a secret", extra={"stream": "secret door"})
    record = journal.record()
    line = record.pop("CODE_LINE")
    assert record == {
        "MESSAGE": "*** door: it is a ***",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "sfumato",
        "SFUMATO_STREAM": "*** door",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_a_record_says_what_where_and_about_which_stream",
    }
    assert 'log.warning("it is' in Path(__file__).read_text("utf-8").splitlines()[int(line) - 1]


def test_a_record_about_no_stream_names_none(log, journal):
    log.info("up")
    assert "SFUMATO_STREAM" not in journal.record()


def test_levels_become_priorities(log, journal):
    levels = {"debug": "7", "info": "6", "warning": "4", "error": "3", "critical": "2"}
    for level, priority in levels.items():
        getattr(log, level)("x")
        assert journal.record()["PRIORITY"] == priority


@pytest.mark.parametrize(
    "text", ["two\nlines", "\n", "a=b\nPRIORITY=0\n", "é ✓\n", "lone \udc80", ""]
)
def test_any_text_arrives_as_one_field(log, journal, text):
    log.info("%s", text)
    record = journal.record()
    assert record["MESSAGE"] == text.encode("utf-8", "backslashreplace").decode()
    assert record["PRIORITY"] == "6"


def test_a_text_that_is_too_long_for_a_datagram_is_shortened(log, journal):
    log.info("begin %s end", "é\n" * 10_000_000)
    message = journal.record()["MESSAGE"]
    assert message.startswith("begin é\n")
    assert message.endswith(" … (shortened)")
    assert len(message) > 10_000
    log.info("the next one")
    assert journal.record()["MESSAGE"] == "the next one"


def test_a_journal_that_is_gone_loses_records_and_raises_nothing(log, journal, tmp_path, capfd):
    journal.close()
    log.error("lost")
    (tmp_path / "journal").unlink()
    log.error("lost too")
    again = JournalSocket(tmp_path / "journal")
    log.error("here again")
    assert [record["MESSAGE"] for record in again.records()] == ["here again"]
    again.close()
    assert capfd.readouterr() == ("", "")


def test_a_journal_that_stands_still_holds_nothing_up(log, journal):
    """Each record may wait a moment, and is then lost."""
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text("ascii"))
    if queue > 1000:
        pytest.skip(f"needs a queue that can be filled; here it holds {queue} datagrams")
    writer = threading.Thread(target=lambda: [log.info("%d", i) for i in range(queue + 3)])
    writer.start()
    writer.join(60)
    assert not writer.is_alive()
    taken = [int(record["MESSAGE"]) for record in journal.records()]
    assert taken == list(range(len(taken)))
    assert 0 < len(taken) < queue + 3
    log.info("awake")
    assert [record["MESSAGE"] for record in journal.records()] == ["awake"]
