"""What a service writes, in processes of their own: logging belongs to the whole process."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.service.hiding_formatter import HidingFormatter
from tests.agent.service.journal_socket import JournalSocket

ROOT = Path(__file__).resolve().parents[3]

HIDES = 'lambda text: text.replace("secret", "***")'
HIDES_NOTHING = "str"

_BEGIN = """
import logging, sys, threading, warnings
from pathlib import Path
from agent.service.logs import start_logging
start_logging({hide}, journald=Path(sys.argv[1]))
log = logging.getLogger("agent.door")
"""


class Service:
    """Runs programs that log, and keeps what they wrote."""

    def __init__(self, folder):
        self.path = folder / "journal"
        self.journal = JournalSocket(self.path)

    def run(self, program, *, hide=HIDES, is_journal=False, path=None):
        """Run it to its end; what stands on stderr.

        Args:
            is_journal: whether $JOURNAL_STREAM says that stderr is the journal.
        """
        reads, writes = os.pipe()
        environment = dict(os.environ)
        stderr = os.fstat(writes if is_journal else reads)
        number = stderr.st_ino if is_journal else stderr.st_ino + 1
        environment["JOURNAL_STREAM"] = f"{stderr.st_dev}:{number}"
        process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN.format(hide=hide) + program, path or self.path],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=writes,
        )
        os.close(writes)
        with open(reads, encoding="utf-8") as pipe:  # noqa: PTH123 a descriptor
            said = pipe.read()
        out, _ = process.communicate(timeout=120)
        self.code, self.out = process.returncode, out.decode()
        return said


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.journal.close()


def formatted(text, *arguments, hide=lambda text: text.replace("secret", "***"), **more):
    record = logging.LogRecord(
        "x", logging.INFO, "a/b.py", 7, text, arguments, more.get("exc_info")
    )
    if "stream" in more:
        record.stream = more["stream"]
    return HidingFormatter(hide, "%(about)s%(message)s").format(record)


def test_message_arguments_and_stream_pass_what_hides():
    assert formatted("a secret and %s", "a secret", stream="secret") == "***: a *** and a ***"


def test_an_exception_and_what_caused_it_pass_what_hides():
    cause, error = OSError("a secret"), ValueError("a secret, too")
    error.__cause__ = cause
    text = formatted("it failed", exc_info=(ValueError, error, None))
    assert text.startswith("it failed\nOSError: a ***\n")
    assert text.endswith("\nValueError: a ***, too")


class Unprintable:
    def __str__(self):
        raise RuntimeError("secret")


@pytest.mark.parametrize("argument", ["secret", Unprintable()])
def test_a_record_that_cannot_be_formatted_says_where_it_was_made(argument):
    assert formatted("%d", argument).startswith("a record of b.py:7 can't be written: ")
    assert "secret" not in formatted("%d", argument)


def test_what_cannot_be_hidden_is_not_written():
    def hide(text):
        raise ValueError(text)

    assert formatted("secret", hide=hide) == "a record of b.py:7 can't be written: ValueError"


@pytest.mark.slow
def test_on_a_terminal_a_record_is_a_line_with_its_time_and_stream(service):
    lines = service.run(
        'log.debug("unheard"); log.warning("it is %s", "late", extra={"stream": "door"})\n'
        'log.info("two\\nlines")'
    ).splitlines()
    assert len(lines) == 3
    date = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(f"{date} WARNING door: it is late", lines[0])
    assert re.fullmatch(f"{date} INFO two", lines[1])
    assert lines[2] == "    lines"  # which can't pass for a record of its own
    assert service.journal.records() == []


@pytest.mark.slow
@pytest.mark.parametrize("is_journal", [False, True])
def test_the_last_lines_are_kept_as_well(service, is_journal):
    service.run(
        "from agent.service.recent_logs import RecentLogs\n"
        f"recent = RecentLogs({HIDES})\n"
        f"start_logging({HIDES}, journald=Path(sys.argv[1]), recent=recent)\n"
        'log.warning("a secret", extra={"stream": "door"}); log.debug("unheard")\n'
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "print([(each.stream, each.text.splitlines()[0]) for each in recent.lines(9)[0]])",
        is_journal=is_journal,
    )
    assert service.out.startswith("[('door', 'a ***'), (None, 'an error that nobody caught in th")


@pytest.mark.slow
def test_in_the_journal_a_record_has_fields(service):
    said = service.run('log.warning("late", extra={"stream": "door"})', is_journal=True)
    assert said == ""
    (record,) = service.journal.records()
    assert record["MESSAGE"] == "door: late"
    assert record["SFUMATO_STREAM"] == "door"
    assert record["PRIORITY"] == "4"


@pytest.mark.slow
def test_a_journal_that_cannot_be_reached_gets_lines(service, tmp_path):
    said = service.run('log.info("up")', is_journal=True, path=tmp_path / "nothing")
    assert said.endswith(" INFO up\n")


WAYS_OUT = """
class Dying:
    def __del__(self):
        raise OSError("se" "cret", self)
    def __repr__(self):
        return "se" "cret"

def fail():
    raise OSError("se" "cret")

log.info("1 %s", "se" "cret")
log.info("2", stack_info=True, extra={"stream": "se" "cret"})
try:
    fail()
except OSError:
    log.exception("3")
warnings.warn("4 se" "cret")
Dying()
thread = threading.Thread(target=fail, name="se" "cret")
thread.start()
thread.join()
log.info("%d", "se" "cret")
fail()
"""
"""All that Python writes to stderr by itself; no line of the program holds the secret whole."""


@pytest.mark.slow
@pytest.mark.parametrize("is_journal", [False, True])
def test_nothing_gets_out_with_its_secrets(service, is_journal):
    said = service.run(WAYS_OUT, is_journal=is_journal)
    assert service.code == 1
    records = service.journal.records()
    assert (said == "") == is_journal
    assert len(records) == (8 if is_journal else 0)
    text = said + "".join(value for record in records for value in record.values())
    assert "secret" not in text
    assert text.count("***") > 8
    told = ("1 ***", "***: 2", "OSError: ***", "4 ***", "an error in", "in thread ***", "Traceback")
    assert [each for each in (*told, "can't be written") if each not in text] == []


@pytest.mark.slow
def test_those_ways_would_let_secrets_out(service):
    """The test above would else pass on anything."""
    assert service.run(WAYS_OUT, hide=HIDES_NOTHING).count("secret") > 8


OPENS_A_CAMERA = """
import av
import agent.video.file_source
url = "rtsp://user:se" "cret@127.0.0.1:1/"
def look():
    av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5))
try:
    look()
except av.FFmpegError as error:
    print(error)
    if "%s" == "caught":
        sys.exit(av.logging.get_level())
    log.exception("door: %%s", error)
thread = threading.Thread(target=look)
thread.start()
thread.join()
look()
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_journal", [False, True])
def test_a_camera_that_refuses_leaves_no_password(service, is_journal):
    said = service.run(OPENS_A_CAMERA % "logged", is_journal=is_journal)
    assert "user:secret@" in service.out  # PyAV's errors name the address
    records = service.journal.records()
    text = said + "".join(value for record in records for value in record.values())
    assert text.count("rtsp://user:***@127.0.0.1:1/") == 4
    assert "secret" not in text


@pytest.mark.slow
def test_libav_itself_says_nothing(service):
    assert service.run(OPENS_A_CAMERA % "caught", hide=HIDES_NOTHING) == ""
    assert service.code == 0
    assert "user:secret@" in service.out
    assert service.journal.records() == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["os.close(2)", "sys.stderr.close()", "sys.stderr = None"])
def test_a_closed_stderr_loses_records_and_raises_nothing(service, how):
    begin = "" if how.startswith("os") else f"{how}\nstart_logging({HIDES})\n"
    program = f'import os\n{begin}{how if not begin else ""}\nlog.info("lost")\nprint("went on")'
    assert service.run(program) == ""
    assert service.out == "went on\n"


COMMAND_FAILS = """
from agent.cli import process

def fail():
    raise OSError("se" "cret")

sys.exit(process.run(fail))
"""


@pytest.mark.slow
def test_the_fault_that_ends_a_command_is_logged_like_any_other(service):
    said = service.run(COMMAND_FAILS)
    assert service.code == 1
    assert "OSError: ***" in said
    assert "secret" not in said


def test_who_reads_the_log_has_his_terminal_for_himself():
    """A key of a message that is refused may be anything, and is logged."""
    said = "\x1b[2J\x9b1;1H\x00\r\x7fall is\u202e well\n\tä"
    record = logging.LogRecord("a", logging.WARNING, "a.py", 1, "refused: %s", (said,), None)
    shown = HidingFormatter(str, "%(message)s").format(record)
    assert shown == "refused: ?[2J?1;1H???all is? well\n\tä"
