"""Where a name leads, also while nobody answers."""

import socket
import threading

import pytest

from agent.control.addresses import Addresses


class NameServer:
    """Answers once it is told to; counts who asks."""

    def __init__(self):
        self.asked = 0
        self.answers = threading.Event()

    def get(self, host, port, *, type):  # noqa: A002 as socket.getaddrinfo has it
        self.asked += 1
        self.answers.wait()
        return socket.getaddrinfo(host, port, type=type)


def test_an_address_is_its_own():
    assert Addresses("127.0.0.1", 1883).look_up(60) == ("127.0.0.1",)
    assert Addresses("::1", 1883).look_up(60) == ("::1",)


def test_a_silent_name_server_is_waited_for_no_longer_than_told_and_asked_once():
    server = NameServer()
    addresses = Addresses("127.0.0.1", 1883, server.get)
    for _ in range(3):
        with pytest.raises(TimeoutError, match="no answer within 0 s"):
            addresses.look_up(0.01)
    assert server.asked == 1
    server.answers.set()
    assert addresses.look_up(60) == ("127.0.0.1",)
    assert addresses.look_up(60) == ("127.0.0.1",)
    assert server.asked == 2


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "no host", ""])
def test_what_is_no_name_is_an_error_like_any_other(host):
    addresses = Addresses(host, 1883)
    for _ in range(2):
        try:
            addresses.look_up(60)
        except OSError as error:
            assert str(error)  # noqa: PT017 an empty name is this machine, on some
