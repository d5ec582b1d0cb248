"""Why there is no connection: what is wrong, and what to do."""

import ssl

import pytest

from agent.control import failure
from agent.control.broker import Broker
from agent.errors import InputError

BROKER = Broker("broker.example", 8883, username="anna", password="hunter2")  # noqa: S106


def certificate_error(code):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "as OpenSSL says it"
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("can't read ca.crt"), "can't read ca.crt"),
        (TimeoutError("timed out"), "broker.example:8883: timed out; check the network"),
        (OSError(113, "No route to host"), "broker.example:8883: [Errno 113] No route to host"),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            "broker.example:8883: no TLS: ",
        ),
        (certificate_error(9), "clock: "),
        (certificate_error(10), "the broker's certificate has expired"),
        (certificate_error(62), "the broker's certificate is not for broker.example"),
        (certificate_error(64), "the broker's certificate is not for broker.example"),
        (certificate_error(18), "the broker's certificate is not of a CA that is known here"),
    ],
)
def test_what_keeps_a_connection_from_being_made(error, reason):
    told = failure.while_connecting(error, BROKER)
    assert told.startswith(reason)
    assert told.count("\n") == 0
    assert "hunter2" not in told
    assert told.startswith(failure.CLOCK) == (getattr(error, "verify_code", None) == 9)


def test_a_broker_that_says_no_is_quoted():
    assert failure.by_broker("Server busy") == "the broker refuses the connection: Server busy"
    assert failure.by_broker("Unsupported protocol version").endswith("to the one it speaks")
