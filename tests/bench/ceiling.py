"""Ceiling: what a broker can do by itself, with clients that do nothing."""

from __future__ import annotations

import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.devices import usage_of
from tests.bench.outcome import Table

if TYPE_CHECKING:
    from agent.control.broker import Tls
    from tests.bench.commander import Broker
    from tests.world.authority import Authority

_TIMES, _MESSAGES, _BYTES = 3, 10_000, 330
"""Of the broker alone; it keeps no more messages than these for who is slower than it."""


def ceiling(broker: Broker, authority: Authority) -> Table:
    """What a broker does by programs of its own, in C: from one connection to another one."""
    topic = "sfumato/v1/nobody/cmd/ping"
    reader, writer = authority.issue("nobody"), authority.issue("viewer")
    lines = (b"x" * _BYTES + b"\n") * _MESSAGES
    rates, cores = [], []
    for _ in range(_TIMES):
        hear = _client("mosquitto_sub", broker, reader, topic, "-C", str(_MESSAGES), "-W", "60")
        say = _client("mosquitto_pub", broker, writer, topic, "-l")
        with subprocess.Popen(hear, stdout=subprocess.DEVNULL) as ear:
            time.sleep(1.0)  # it doesn't tell when it has subscribed
            began_s, cpu_s = time.monotonic(), usage_of(broker.pid)[0]
            subprocess.run(say, input=lines, check=True, timeout=60)
            if ear.wait(60):
                raise SystemExit("mosquitto_sub did not hear all of it")
            took_s = time.monotonic() - began_s
        rates.append(_MESSAGES / took_s)
        cores.append((usage_of(broker.pid)[0] - cpu_s) / took_s)
    table = Table(
        f"The broker alone: {_MESSAGES} messages of {_BYTES} bytes, QoS 1, mosquitto_pub to "
        "mosquitto_sub, mTLS",
        ("", "messages/s", "min", "max", "broker's cores"),
        note=f"Median of {_TIMES} times.",
    )
    table.rows.append(("mosquitto", median(rates), min(rates), max(rates), median(cores)))
    return table


def _client(program: str, broker: Broker, tls: Tls, topic: str, *more: str) -> list[str]:
    shown = ["--cafile", str(tls.ca), "--cert", str(tls.cert), "--key", str(tls.key)]
    return [
        *(program, "-h", broker.host, "-p", str(broker.port), *shown),
        *("-V", "5", "-q", "1", "-t", topic, *more),
    ]
