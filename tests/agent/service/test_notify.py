"""What systemd hears, over a socket like its own."""

import logging
import os
import socket
import time

import pytest

from agent.service.notify import Notifier


class Systemd:
    """Listens at $NOTIFY_SOCKET."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(30)
        self._socket.bind(address)
        self.address = address

    def hear(self):
        """One notice's lines by name."""
        lines = self._socket.recv(65536).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def close(self):
        self._socket.close()


@pytest.fixture
def systemd(tmp_path):
    systemd = Systemd(str(tmp_path / "notify"))
    yield systemd
    systemd.close()


@pytest.fixture
def notifier(systemd):
    return Notifier({"NOTIFY_SOCKET": systemd.address})


def test_it_tells_how_the_service_is(notifier, systemd):
    notifier.ready("8 streams")
    assert systemd.hear() == {"READY": "1", "STATUS": "8 streams"}
    notifier.status("door: reconnecting")
    assert systemd.hear() == {"STATUS": "door: reconnecting"}
    notifier.watchdog()
    assert systemd.hear() == {"WATCHDOG": "1"}
    with notifier.taking_long():
        assert systemd.hear() == {"EXTEND_TIMEOUT_USEC": "20000000", "WATCHDOG": "1"}
    notifier.stopping()
    assert systemd.hear() == {"STOPPING": "1"}


def test_a_reload_says_when_it_began(notifier, systemd):
    before = time.monotonic()
    notifier.reloading()
    after = time.monotonic()
    heard = systemd.hear()
    assert heard.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert before - 1e-6 <= int(heard["MONOTONIC_USEC"]) / 1e6 <= after


def test_a_status_of_two_lines_is_no_second_notice(notifier, systemd):
    notifier.status("door: gone\nREADY=1\r\n")
    assert systemd.hear() == {"STATUS": "door: gone READY=1"}


def test_a_status_moves_nobodys_cursor(notifier, systemd):
    """`systemctl status` prints it as it is."""
    notifier.status("door: \x1b[2J\x9b1;1Hgone\u202e")
    assert systemd.hear() == {"STATUS": "door: ?[2J?1;1Hgone?"}


def test_an_abstract_socket_is_found():
    name = f"sfumato-{os.getpid()}"
    systemd = Systemd(f"\0{name}")
    try:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).watchdog()
        assert systemd.hear() == {"WATCHDOG": "1"}
    finally:
        systemd.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_nobody_waits_it_says_nothing(environment, caplog):
    notifier = Notifier(environment)
    notifier.ready("on")
    notifier.watchdog()
    assert caplog.records == []


def test_a_systemd_that_is_gone_is_logged_and_not_raised(tmp_path, caplog):
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("on")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "READY=1" in record.getMessage()


def test_a_systemd_that_does_not_listen_holds_nothing_up(notifier, systemd):
    for _ in range(10_000):  # until its queue is full
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            try:
                other.sendto(b"X=1", systemd.address)
            except BlockingIOError:
                break
    else:
        pytest.fail("the queue has no end")
    notifier.watchdog()
    assert systemd.hear() == {"X": "1"}
