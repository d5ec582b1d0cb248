"""The console in a real browser, at a real broker, with a device that answers behind it."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from broker import Broker
from browser import CHROMIUM
from browser_page import BrowserPage
from console_process import ConsoleProcess
from simulated_device import SimulatedDevice
from told_fleet import NEW, ToldFleet

from agent.control import topics
from agent.control.messages import Streams, StreamState
from agent.fleet.rollout_file import RolloutState, driven

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>{{ constructor }}'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packs it"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One of each: broker, told fleet, device that answers, console, page."""
    folder = tmp_path_factory.mktemp("console")
    with ExitStack() as stack:
        world = type("World", (), {})()
        world.broker = stack.enter_context(Broker(folder / "broker"))
        world.fleet = stack.enter_context(ToldFleet(world.broker.port))
        world.device = stack.enter_context(SimulatedDevice(world.broker.port))
        world.fleet.device("gate-1")
        world.fleet.device("gate-2", reason="lost", state=None)
        world.console = stack.enter_context(ConsoleProcess(folder / "here", world.broker.port))
        world.page = stack.enter_context(BrowserPage())
        yield world
        assert world.console.stop() == 130
        assert "Traceback" not in world.console.log.read_text()
        assert [*world.console.folder.iterdir()] == []


@pytest.fixture
def fleet(world):
    return world.fleet


@pytest.fixture
def device(world):
    return world.device


@pytest.fixture
def page(world):
    """Its first page: all devices."""
    world.page.open(world.console.address)
    world.page.shows("gate-7")
    return world.page


@pytest.fixture
def gate_7(page):
    """The page of the device that answers."""
    page.ask("[...document.querySelectorAll('td')].find(e => e.innerText == 'gate-7').click()")
    page.shows("What it tells")
    page.shows("door")
    return page


def rows(page):
    """The table's cells, by the first of each row."""
    cells = page.ask(
        "[...document.querySelectorAll('tbody tr')]"
        ".map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
    )
    return {row[0]: row[1:] for row in cells if row}


def row_becomes(page, name, part):
    deadline_s = time.monotonic() + TIMEOUT_S
    while part not in rows(page).get(name, []):
        assert time.monotonic() < deadline_s, rows(page)
        time.sleep(0.05)


def press(page, op):
    page.until(f"!!document.querySelector('button[title={op}]')")
    page.ask(f"document.querySelector('button[title={op}]').click()")


def write(page, text):
    """Put a text into the editor of configurations."""
    page.write(".cm-content", text)


def notified(page, words):
    """Wait until it says something in passing."""
    said = "[...document.querySelectorAll('.q-notification')].map(each => each.innerText).join()"
    page.until(f"{said}.includes({json.dumps(words)})")


def test_all_devices_are_listed_and_change_while_one_looks(page, fleet):
    page.shows("3 devices: 1 lost, 2 online, 0 drift")
    found = rows(page)
    assert found["gate-7"][0] == "online"
    assert [found["gate-7"][each] for each in (2, 3, 5)] == ["0.1", "world v3", "1/1"]
    assert found["gate-2"][0] == "lost"
    fleet.configured("gate-1", 3, desired=4)
    row_becomes(page, "gate-1", "has 3, should have 4")
    page.shows("3 devices: 1 lost, 2 online, 1 drift")
    fleet.configured("gate-1", 4)
    row_becomes(page, "gate-1", "")
    fleet.device("gate-2", state=None)
    row_becomes(page, "gate-2", "online")
    fleet.device("gate-2", reason="lost", state=None)
    row_becomes(page, "gate-2", "lost")
    page.ask("document.querySelector('input').focus()")
    page.call("Input.insertText", text="gate-1")
    page.until("document.querySelectorAll('tbody tr').length == 1")


def test_what_a_device_tells_comes_by_itself(gate_7, device):
    device.happen(2)
    gate_7.shows(f"event {device.count} track: number {device.count}")


def test_a_stream_is_paused_and_resumed(gate_7, device):
    press(gate_7, "pause")
    row_becomes(gate_7, "door", "paused")
    press(gate_7, "resume")
    row_becomes(gate_7, "door", "running")
    told = [(op, command.args) for op, command in device.commands]
    assert told[-2:] == [("pause", {"stream": "door"}), ("resume", {"stream": "door"})]


def test_a_snapshot_is_what_the_device_sent(gate_7, device):
    device.jpeg = cv2.imencode(".jpg", np.full((9, 16, 3), 128, np.uint8))[1].tobytes()
    press(gate_7, "snapshot")
    gate_7.shows("door, redacted, 0.1 s old")
    source = gate_7.until("document.querySelector('.q-img img')?.src")
    assert source == f"data:image/jpeg;base64,{base64.b64encode(device.jpeg).decode()}"


def test_a_refusal_is_said(gate_7, fleet):
    stream = StreamState(
        state="running", reason="", since=1.0, size=None, rate=None, model=None, covered=False
    )
    fleet.say(topics.STREAMS, "gate-7", Streams(streams={"door": stream, "gone": stream}))
    row_becomes(gate_7, "gone", "running")
    gate_7.ask("[...document.querySelectorAll('button[title=pause]')][1].click()")
    notified(gate_7, "not_found: there is no stream gone")


def test_a_configuration_is_judged_by_the_schema_before_it_is_sent(gate_7, device):
    before = device._reported.rev
    for text, said in (
        (
            '{"streams": {"door": {"source": "x", "look": {"every": "often"}}}}',
            "streams.door.look.every",
        ),
        ('{"mqtt": {"host": "evil"}}', "should NOT have additional property: mqtt"),
        ('{"streams": ', "this is no JSON"),
    ):
        write(gate_7, text)
        gate_7.click("Set")
        notified(gate_7, said)
    assert device._reported.rev == before


def test_a_configuration_is_set_and_what_the_device_says_is_shown(gate_7, device):
    rev = device._reported.rev + 1
    write(gate_7, '{"streams": {"door": {"source": "rtsp://10.0.0.5/a", "effect": "solid"}}}')
    gate_7.click("Set")
    gate_7.shows(f"gate-7 runs by rev {rev}")
    assert (device._reported.rev, device._reported.applied) == (rev, True)
    write(gate_7, '{"streams": {"bad": "rtsp://10.0.0.5/a"}}')
    gate_7.click("Set")
    notified(gate_7, "gate-7: streams.bad: is bad")
    gate_7.shows(f"configuration: refused {rev + 1}")
    gate_7.call("Page.reload")
    gate_7.until("document.querySelector('.cm-content')?.innerText.includes('bad')")


def test_a_roll_out_is_seen_and_stopped(page, world):
    fleet, path = world.fleet, world.console.state / "sfumato" / "rollouts" / "site-north.json"
    fleet.offer(50)
    fleet.updated("gate-1", "fetching", progress=0.5)
    page.click("Roll-outs")
    page.shows("site-north: person v5")
    page.shows("offered to 50 % of 2 devices")
    page.shows("1 fetching, 1 not told, or silent")
    fleet.updated("gate-1", "committed")
    page.shows("1 committed, 1 not told, or silent")
    plan = {
        "group": "site-north", "name": "person", "version": 5, "digest": NEW, "stages": (50, 100),
        "success": 95, "abort_failed": 5, "least": 3, "timeout_s": 60,
    }  # fmt: skip
    state = RolloutState.model_validate(
        {"plan": plan, "salt": "s", "devices": ("gate-1", "gate-2"), "first_rev": 3, "began": (1.0,),
         "failed": {"gate-2": "digest mismatch"}}
    )  # fmt: skip
    with driven(path) as file:
        file.write(state)
        page.shows("stage 1 of 2: running")
        page.shows("gate-2: digest mismatch")
        page.click("pause")
        deadline_s = time.monotonic() + TIMEOUT_S
        while (wish := file.wish()) is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert wish == "pause"
        file.write(state.moved(state="paused", reason="as asked for"))
        page.shows("stage 1 of 2: paused (as asked for)")
    page.click("abort")
    notified(page, "no program drives it now: sfumato ctl rollout abort site-north")


def test_words_of_devices_are_words(page, fleet, world):
    fleet.device("gate-9", hardware=HOSTILE, agent=HOSTILE)
    stream = StreamState(
        state="failed",
        reason=HOSTILE,
        since=1e300,
        size=None,
        rate=None,
        model=HOSTILE,
        covered=True,
    )
    fleet.say(topics.STREAMS, "gate-9", Streams(streams={HOSTILE: stream}))
    row_becomes(page, "gate-9", HOSTILE)
    page.open(f"{world.console.address}device/gate-9")
    page.shows(HOSTILE)
    fleet.say(topics.STREAMS, "gate-9", Streams(streams={HOSTILE: stream, "x": stream}))
    page.shows("stream x: failed")
    assert page.ask("window.hit") is None


def test_a_broker_that_goes_is_said_and_comes_back_by_itself(page, world):
    world.broker.term()
    page.shows("No connection to the broker, so this may be old")
    world.broker.start()
    page.until("!document.body.innerText.includes('No connection')")
    row_becomes(page, "gate-7", "online")


def test_the_browser_asks_nobody_else(page, world):
    asked = [each for each in page.requests() if not each.startswith(("data:", "about:", "blob:"))]
    assert len(asked) > 20
    ours = (world.console.address, world.console.address.replace("http:", "ws:"))
    assert [each for each in asked if not each.startswith(ours)] == []


def test_the_page_could_not_tell_anybody(page):
    """What got into it would be held by its own policy, at a server that answers whoever asks."""
    asked = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        tries = f"fetch('{address}/fetch', {{mode: 'no-cors'}}).then(() => 'told', () => 'held')"
        assert page.ask(tries) == "held"
        picture = (
            "new Promise(done => {let i = new Image(); i.onload = i.onerror = done; "
            f"i.src = '{address}/picture'}}).then(() => 'over')"
        )
        assert page.ask(picture) == "over"
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/here")
        assert connection.getresponse().status == 200
        connection.close()
        server.shutdown()
    assert asked == ["/here"]
    assert page.ask("fetch(location.href).then(answer => answer.status)") == 200


def answer(console, path, kind="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=TIMEOUT_S)
    try:
        connection.putrequest(kind, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        return connection.getresponse()
    finally:
        connection.close()


def test_strangers_are_refused_over_real_http(world):
    console = world.console
    path = console.address.split(str(console.port))[1]
    host = f"127.0.0.1:{console.port}"
    good = answer(console, path)
    assert (good.status, good.getheader("set-cookie")) == (200, None)
    assert "default-src 'none'" in good.getheader("content-security-policy")
    assert answer(console, path, Origin=f"http://{host}").status == 200
    socket_path = f"{path}_nicegui_ws/socket.io/?EIO=4&transport=polling"
    for refused in (
        answer(console, "/"),
        answer(console, f"/{path[2:]}"),
        answer(console, f"{path[:-2]}x/"),
        answer(console, "/_nicegui_ws/socket.io/?EIO=4&transport=polling"),
        answer(console, path, Host=f"evil.example:{console.port}"),
        answer(console, path, Origin="http://evil.example"),
        answer(console, path, Origin="null"),
        answer(console, path, "POST", Origin="http://evil.example"),
        answer(console, socket_path, Origin="http://evil.example"),
        answer(console, socket_path, Host="evil.example"),
    ):
        assert (refused.status, refused.getheader("set-cookie")) == (403, None)


@pytest.mark.parametrize(
    ("path", "host", "origin", "status"),
    [
        ("", None, None, 101),
        ("", None, "http://evil.example", 403),
        ("", "evil.example", "http://evil.example", 403),
        ("", None, "", 403),
        ("x", None, None, 403),
    ],
)
def test_strangers_get_no_websocket(world, path, host, origin, status):
    console = world.console
    own = f"127.0.0.1:{console.port}"
    words = {
        "Host": host or own, "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(),
        "Origin": f"http://{own}" if origin is None else origin,
    }  # fmt: skip
    target = console.address.split(str(console.port))[1].rstrip("/") + path
    target += "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    lines = [
        f"GET {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in words.items() if value),
    ]
    with socket.create_connection(("127.0.0.1", console.port), TIMEOUT_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert int(connection.recv(12).split()[1]) == status


def test_it_listens_to_this_machine_alone(world):
    local = f"0100007F:{world.console.port:04X}"
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{world.console.process.pid}/net/{table}")
        .read_text()
        .splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{world.console.port:04X}")
    ]
    assert listening == [local]


def test_five_hundred_devices_are_listed(page, world):
    world.fleet.devices([f"dev-{number:03}" for number in range(500)], state=None)
    page.until("/50[0-9] devices: /.test(document.body.innerText)")
    page.until("document.querySelectorAll('tbody tr').length == 50")
    page.ask("document.querySelector('input').focus()")
    page.call("Input.insertText", text="dev-499")
    page.until("document.querySelectorAll('tbody tr').length == 1")
    world.fleet.device("dev-499", reason="lost", state=None)
    row_becomes(page, "dev-499", "lost")


def ctl(*words, head=""):
    code = f"import sys\n{head}\nfrom agent.cli import main\nsys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, "ctl", "console", *map(str, words)],
        env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def test_without_nicegui_it_says_what_to_install(world):
    done = ctl("--broker", f"127.0.0.1:{world.broker.port}", head="sys.modules['nicegui'] = None")
    said = "sfumato: the console needs NiceGUI; install it: pip install 'sfumato[operator]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_port_that_is_taken_is_said_in_a_line(world):
    done = ctl("--broker", f"127.0.0.1:{world.broker.port}", "--port", world.console.port)
    said = f"sfumato: --port {world.console.port}: Address already in use; name another one\n"
    assert (done.returncode, done.stdout, done.stderr) == (4, "", said)


def test_opening_a_browser_tells_the_address_to_nobody_else(world, tmp_path, monkeypatch):
    """Everybody on a machine may read what a program was started with."""
    monkeypatch.setenv("BROWSER", "echo")  # says what it was started with
    with ConsoleProcess(tmp_path / "here", world.broker.port, "--open") as console:
        place = console.process.stdout.readline().decode().strip()
        page = Path(place.removeprefix("file://"))
        assert console.address.split("/")[3] not in place
        assert console.address in page.read_text()
        assert page.parent.stat().st_mode & 0o777 == 0o700
        assert console.stop() == 130
    assert not page.exists()
