"""`sfumato ctl`, as typed, with a real broker and a simulated device behind it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from broker import Broker
from ports import free_port
from simulated_device import JPEG, SimulatedDevice

from agent.cli import main
from agent.control import topics
from agent.control.broker import Broker as Address
from agent.control.delivery import Message
from agent.fleet.client import Client
from models.signing import PrivateKey

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60


@pytest.fixture
def world(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def broker(world, tmp_path):
    return world(Broker(tmp_path / "broker"))


@pytest.fixture
def device(world, broker):
    return world(SimulatedDevice(broker.port))


@pytest.fixture
def sfumato(capsys, world):  # noqa: ARG001 an empty home
    """Run `sfumato ctl`: exit code, standard output, lines on standard error."""

    def run(*words):
        code = main(["ctl", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err.splitlines()

    return run


@pytest.fixture
def ctl(sfumato, broker):
    """The same, with the broker named behind the command."""

    def run(*words):
        code, out, err = sfumato(*words, "--broker", f"127.0.0.1:{broker.port}")
        assert all(line.startswith("sfumato: ") for line in err), err
        return code, out, err

    return run


@pytest.fixture
def tell(broker):
    """Publish anything, as anybody; once this returns, the broker has it."""

    def tell(topic, payload, *, retain=True):
        address = Address("127.0.0.1", broker.port, jitter_s=0)
        with Client(address, topics.ROOT, []) as client:
            client.connect()
            client.publish(Message(f"{topics.ROOT}/{topic}", payload, retain=retain), "it")
            assert client.next(TIMEOUT_S).token == "it"  # noqa: S105

    return tell


# ---------------------------------------------------------------- connection


def test_a_broker_has_to_be_named(sfumato):
    code, out, err = sfumato("devices")
    assert (code, out) == (2, "")
    assert err == ["sfumato: no broker; name it with --broker HOST[:PORT], or in a profile"]


def test_a_broker_that_is_not_there_is_said_in_a_line(sfumato):
    port = free_port()
    for words in (
        ["devices"],
        ["watch", "gate-7"],
        ["cmd", "ping", "gate-7"],
        ["config", "get", "gate-7"],
    ):
        code, out, err = sfumato("--broker", f"127.0.0.1:{port}", *words)
        assert (code, out, len(err)) == (3, "", 1)
        assert err[0].startswith(f"sfumato: broker 127.0.0.1:{port}: ")


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_options_may_stand_before_the_command_and_the_last_one_counts(sfumato, broker):
    here = f"127.0.0.1:{broker.port}"
    assert sfumato("--broker", here, "devices")[0] == 0
    assert sfumato("--broker", "127.0.0.1:1", "config", "get", "gate-7", "--broker", here)[0] == 0
    assert sfumato("--broker", here, "--json", "cmd", "ping", "gate-7")[0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_a_profile_holds_the_same_options(sfumato, broker, tmp_path):
    folder = tmp_path / "home" / "sfumato"
    folder.mkdir(parents=True)
    (folder / "ctl.yaml").write_text(f"broker: 127.0.0.1:{broker.port}\nroot: elsewhere\n")
    code, out, _ = sfumato("devices", "--json")
    assert (code, json.loads(out)) == (0, [])
    code, out, _ = sfumato("devices", "--json", "--root", topics.ROOT)
    assert [each["device"] for each in json.loads(out)] == ["gate-7"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"broker": f"127.0.0.1:{broker.port}"}))
    assert "gate-7" in sfumato("--profile", other, "devices")[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("brooker: a", "brooker: no such setting; there are broker, ca, cert"),
        ("root: 'a/#'", "root: "),
        ("- a", "holds no settings"),
        ("password: x", "password: no such setting"),
        ("broker: [", "other.yaml:"),
    ],
)
def test_a_profile_that_is_wrong_is_said_in_a_line(sfumato, tmp_path, text, said):
    (tmp_path / "other.yaml").write_text(text)
    code, _, err = sfumato("devices", "--profile", "other.yaml")
    assert (code, len(err)) == (2, 1)
    assert said in err[0]


def test_paths_in_a_profile_are_relative_to_it(sfumato, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ctl.yaml").write_text("broker: broker.example\nca: gone.crt\n")
    code, _, err = sfumato("devices", "--profile", "folder/ctl.yaml")
    assert (code, err) == (3, [f"sfumato: {Path('folder/gone.crt')}: no such file"])


def test_a_certificate_of_another_is_refused_and_the_right_one_is_not(sfumato, world, tmp_path):
    authority, other = trustme.CA(), trustme.CA()
    for name, ca in (("ca.crt", authority), ("other.crt", other)):
        ca.cert_pem.write_to_path(str(tmp_path / name))
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    server.cert_chain_pems[0].write_to_path(str(tmp_path / "server.crt"))
    operator = authority.issue_cert(common_name="alice")
    operator.private_key_pem.write_to_path(str(tmp_path / "alice.key"))
    operator.cert_chain_pems[0].write_to_path(str(tmp_path / "alice.crt"))
    settings = [
        *(f"cafile {tmp_path}/ca.crt", f"certfile {tmp_path}/server.crt"),
        *(f"keyfile {tmp_path}/server.key", "require_certificate true", "allow_anonymous true"),
    ]
    broker = world(Broker(tmp_path / "broker", settings=settings))
    where = ["--broker", f"127.0.0.1:{broker.port}", "--cert", "alice.crt", "--key", "alice.key"]
    assert sfumato("devices", "--json", *where, "--ca", "ca.crt") == (0, "[]\n", [])
    code, out, err = sfumato("devices", *where, "--ca", "other.crt")
    assert (code, out, len(err)) == (3, "", 1)


def test_the_password_comes_from_a_file_or_the_environment(sfumato, world, tmp_path, monkeypatch):
    (tmp_path / "passwords").touch(0o600)
    subprocess.run(
        ["mosquitto_passwd", "-b", str(tmp_path / "passwords"), "alice", "hunter2"], check=True
    )
    settings = [f"password_file {tmp_path}/passwords", "allow_anonymous false"]
    broker = world(Broker(tmp_path / "broker", settings=settings))
    where = ["--broker", f"127.0.0.1:{broker.port}", "--username", "alice"]
    (tmp_path / "password").write_text("hunter2\n")
    assert sfumato("devices", *where, "--password-file", "password")[0] == 0
    monkeypatch.setenv("SFUMATO_CTL_PASSWORD", "hunter2")
    assert sfumato("devices", *where)[0] == 0
    monkeypatch.setenv("SFUMATO_CTL_PASSWORD", "hunter3")
    code, _, err = sfumato("devices", *where)
    assert (code, len(err)) == (3, 1)
    assert "hunter" not in err[0]


# ---------------------------------------------------------------- devices


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_devices_are_listed_with_how_they_are(ctl, tell):
    tell(
        "gate-8/conn",
        b'{"online":false,"boot_id":"b","reason":"lost","ts":null,"clock_synced":true}',
    )
    tell("gate-9/conn", b"\xff")
    code, out, err = ctl("devices")
    assert (code, err) == (0, [])
    head, *rows = [line.split() for line in out.splitlines()]
    assert head == ["DEVICE", "PRESENCE", "VERSION", "MODEL", "STREAMS", "DRIFT", "SEEN"]
    assert rows[0][:7] == ["gate-7", "online", "0.1", "world", "v3", "1/1", "-"]
    assert rows[1] == ["gate-8", "lost", "-", "-", "0/0", "-", "-"]
    assert rows[2] == ["gate-9", "unknown", "-", "-", "0/0", "-", "-"]
    code, out, _ = ctl("devices", "--json")
    first, second, third = json.loads(out)
    assert (first["device"], first["presence"], first["model"]) == ("gate-7", "online", "world v3")
    assert first["streams"] == {"running": 1, "total": 1}
    assert (second["presence"], third["unread"]) == ("lost", ["conn"])


def test_what_a_terminal_would_obey_is_not_printed(ctl, tell):
    conn = b'{"online":true,"boot_id":"b","reason":"start","ts":1e300,"clock_synced":true}'
    tell("gate-8/conn", conn)
    tell("gate-8/info", json.dumps({
        "agent": "\x1b[31m\n", "schema_digest": "0" * 64, "hardware": "x", "model": None, "ops": {},
        "l4t": None, "signed": False, "certificate_end": None, "groups": [],
    }).encode())  # fmt: skip
    _, out, _ = ctl("devices")
    assert "\x1b" not in out
    assert out.splitlines()[1].split() == ["gate-8", "online", "?[31m?", "-", "0/0", "-", "?"]


@pytest.mark.slow
def test_five_hundred_devices_are_listed(ctl, device, broker):
    """A broker throws away what does not fit into its queue, and says nothing."""
    address = Address("127.0.0.1", broker.port, jitter_s=0)
    documents = [
        *((topics.CONN, device._conn(online=True, reason="start")), (topics.INFO, device._info())),
        *((topics.STREAMS, device._streams()), (topics.CONFIG_REPORTED, device._reported)),
    ]
    with Client(address, topics.ROOT, []) as client:
        client.connect()
        for number in range(500):
            for topic, model in documents:
                payload = model.model_dump_json().encode() + b" " * 20_000
                name = topic.of(topics.ROOT, f"dev-{number}")
                client.publish(Message(name, payload, retain=True), name)
            for _ in documents:
                assert client.next(TIMEOUT_S).code < 0x80
    code, out, _ = ctl("devices", "--json")
    assert code == 0
    found = [each for each in json.loads(out) if each["device"].startswith("dev-")]
    assert len(found) == 500
    assert all(each["model"] == "world v3" and each["streams"]["total"] == 1 for each in found)
    assert all(each["config"]["reported_rev"] == 0 for each in found)


# ---------------------------------------------------------------- cmd


def test_a_command_is_done_and_answered(ctl, device):
    code, out, err = ctl("cmd", "pause", "gate-7", "stream=door")
    assert (code, out, err) == (0, "op: pause\n", [])
    ((op, command),) = device.commands
    assert (op, command.args) == ("pause", {"stream": "door"})
    assert 0 < command.ttl_s <= 60
    code, out, _ = ctl("cmd", "ping", "gate-7", "--json")
    document = json.loads(out)
    assert (code, document["op"]) == (0, "ping")
    assert document["devices"] == [
        {"device": "gate-7", "state": "done", "result": {"op": "ping"}, "error": None}
    ]
    assert len({command.id for _, command in device.commands}) == 2


@pytest.mark.usefixtures("device")
def test_accepted_is_shown_and_waited_behind(ctl):
    code, out, err = ctl("cmd", "restart", "gate-7")
    assert (code, out, err) == (0, "uptime_s: 0.5\n", ["sfumato: gate-7: accepted"])


@pytest.mark.usefixtures("device")
def test_a_refusal_ends_with_seven(ctl):
    code, out, err = ctl("cmd", "pause", "gate-7", "stream=yard")
    assert (code, out) == (7, "")
    assert err == ["sfumato: gate-7: pause: not_found: there is no stream yard"]
    code, out, _ = ctl("cmd", "pause", "gate-7", "stream=yard", "--json")
    (outcome,) = json.loads(out)["devices"]
    assert (code, outcome["state"], outcome["error"]["code"]) == (7, "failed", "not_found")


@pytest.mark.slow  # of time, if not of a core
def test_a_device_that_is_away_times_out_with_eight(ctl, broker):
    with SimulatedDevice(broker.port):
        pass  # the broker keeps its session
    begun_s = time.monotonic()
    code, out, err = ctl("cmd", "ping", "gate-7", "--ttl", "0.2")
    assert (code, out) == (8, "")
    assert err == ["sfumato: gate-7: ping: no answer in time; it may do it all the same"]
    assert time.monotonic() - begun_s > 10  # what it would take


def test_a_device_that_never_was_there_is_told_at_once_and_waited_for(ctl):
    code, _, err = ctl("cmd", "ping", "gate-99", "--ttl", "0.5")
    assert code == 8
    assert err[0].startswith("sfumato: gate-99: nobody listens")
    assert err[1].startswith("sfumato: gate-99: ping: timeout: nobody listens")


@pytest.mark.slow
def test_a_device_whose_session_is_over_gets_it_when_it_is_back(world, broker):
    process = ctl_process("cmd", "ping", "gate-7", "--broker", f"127.0.0.1:{broker.port}")
    assert "nobody listens" in process.stderr.readline()
    world(SimulatedDevice(broker.port))
    assert process.communicate(timeout=TIMEOUT_S)[0] == "op: ping\n"
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_several_devices_are_told_at_once_and_the_worst_counts(ctl, world, broker):
    others = [world(SimulatedDevice(broker.port, f"gate-{number}")) for number in range(20, 45)]
    names = [other.name for other in others]
    code, out, err = ctl("cmd", "ping", *names)
    assert (code, err) == (0, [])
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [[name, "done"] for name in names]
    code, out, err = ctl("cmd", "ping", "gate-7", "gate-99", "--ttl", "0.5")
    assert (code, err) == (8, ["sfumato: ping: of 2 devices 1 gave no answer"])
    code, out, err = ctl(
        "cmd", "pause", "gate-7", "gate-20", "gate-99", "stream=yard", "--ttl", "0.5"
    )
    assert (code, err) == (7, ["sfumato: pause: of 3 devices 2 failed and 1 gave no answer"])
    assert out.count("not_found") == 2


@pytest.mark.slow
def test_a_command_survives_a_broker_that_is_killed_meanwhile(broker, device):
    """What was in flight is asked again, under the same id."""
    device.mute.add("ping")
    command = ["cmd", "ping", "gate-7", "--broker", f"127.0.0.1:{broker.port}", "--json"]
    process = ctl_process(*command)
    device.until(lambda: device.commands)
    device.mute.clear()
    broker.kill()
    broker.start()
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    assert json.loads(out)["devices"][0]["state"] == "done"
    assert len({command.id for _, command in device.commands}) == 1


def test_a_picture_is_written(ctl, device, tmp_path):
    code, out, _ = ctl("cmd", "snapshot", "gate-7", "stream=door")
    assert (code, out.splitlines()[0]) == (0, "file: gate-7-door.jpg")
    assert (tmp_path / "gate-7-door.jpg").read_bytes() == JPEG
    asked = len(device.commands)
    code, _, err = ctl("cmd", "snapshot", "gate-7", "stream=door")
    assert (code, len(err)) == (4, 1)
    assert len(device.commands) == asked  # refused before
    code, out, _ = ctl("cmd", "snapshot", "gate-7", "stream=door", "--out", "x.jpg", "--json")
    assert (code, (tmp_path / "x.jpg").read_bytes()) == (0, JPEG)
    (outcome,) = json.loads(out)["devices"]
    assert outcome["result"] == {"file": "x.jpg", "stream": "door", "age_s": 0.1}


def test_the_log_is_printed_as_lines(ctl, device):
    code, out, err = ctl("cmd", "logs", "gate-7", "lines=5")
    assert (code, err) == (0, [])
    assert [line.split(" ", 2)[2] for line in out.splitlines()] == [
        "warning door: first",
        "warning door: second",
    ]
    assert device.commands[0][1].args == {"lines": 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explode", "gate-7"], "no such command"),
        (["ping", "a=b"], "ping takes no a="),
        (["pause", "stream=door"], "to which devices?"),
        (["ping", "Gate_7"], "no device's name"),
        (["ping", "groups"], "no device's name"),
        (["ping", "gate-7", "--ttl", "0"], "--ttl 0"),
        (["ping", "gate-7", "--ttl", "1e9"], "--ttl 1e+09"),
        (["ping", "gate-7", "--out", "x.jpg"], "--out is for snapshot"),
    ],
)
def test_a_command_that_makes_no_sense_is_not_given(ctl, device, words, said):
    code, out, err = ctl("cmd", *words)
    assert (code, out, len(err)) == (2, "", 1)
    assert said in err[0]
    assert device.commands == []


@pytest.mark.slow
def test_commands_are_signed_where_there_is_a_key(ctl, world, broker, tmp_path):
    key = PrivateKey.generate()
    key.write(tmp_path / "ops.key")
    device = SimulatedDevice(broker.port)
    device.keys = (key.public,)
    world(device)
    code, _, err = ctl("cmd", "pause", "gate-7", "--sign", "ops.key")
    assert (code, err) == (0, [])
    auth = device.commands[0][1].auth
    assert (auth.device, auth.op) == ("gate-7", "pause")
    (tmp_path / "night.yaml").write_text("streams: {door: {source: x}}\n")
    assert ctl("config", "set", "gate-7", "night.yaml", "--sign", "ops.key")[0] == 0
    assert "signed: true" in ctl("config", "get", "gate-7")[1]
    code, _, err = ctl("config", "set", "gate-7", "night.yaml")
    assert (code, len(err)) == (2, 1)
    assert err[0].endswith("name the key with --sign")
    assert device._reported.rev == 1
    code, _, err = ctl("cmd", "pause", "gate-7", "--sign", "night.yaml")
    assert (code, len(err)) == (5, 1)


# ---------------------------------------------------------------- config


@pytest.mark.slow
def test_nothing_signed_is_sent_to_a_device_that_takes_no_signature(ctl, device, tmp_path):
    """It would only be counted there, and answered nobody."""
    PrivateKey.generate().write(tmp_path / "ops.key")
    (tmp_path / "night.yaml").write_text("streams: {door: {source: x}}\n")
    assert ctl("cmd", "ping", "gate-7")[0] == 0  # what it says of itself is there by then
    code, _, err = ctl("config", "set", "gate-7", "night.yaml", "--sign", "ops.key")
    assert (code, len(err)) == (2, 1)
    assert err[0].endswith("leave --sign out")
    assert device._reported.rev == 0


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_a_configuration_is_set_reported_and_shown(ctl, tmp_path):
    (tmp_path / "night.yaml").write_text("streams:\n  door: {source: x, classes: no}\n")
    code, out, err = ctl("config", "set", "gate-7", "night.yaml")
    assert (code, out, err) == (0, "gate-7 runs by rev 1\n", [])
    code, out, _ = ctl("config", "get", "gate-7", "--json")
    document = json.loads(out)
    sections = {
        "streams": {"door": {"source": "x", "classes": "no"}}
    }  # a word, as a device reads it
    assert document["desired"] == {"rev": 1, "signed": False, **sections}
    assert document["reported"]["rev"] == 1
    code, out, _ = ctl("config", "set", "gate-7", "night.yaml", "--json")
    assert (code, json.loads(out)["rev"]) == (0, 2)
    assert json.loads(ctl("devices", "--json")[1])[0]["config"]["drift"] == ""


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_what_is_refused_is_said_by_key_and_shows_as_drift(ctl, tmp_path):
    (tmp_path / "bad.yaml").write_text("streams: {bad: {source: x}}\n")
    code, out, err = ctl("config", "set", "gate-7", "bad.yaml")
    assert (code, out) == (7, "")
    assert err == [
        "sfumato: gate-7: streams.bad: is bad",
        "sfumato: gate-7: refused rev 1, and runs as before",
    ]
    code, out, _ = ctl("config", "set", "gate-7", "bad.yaml", "--json")
    assert (code, json.loads(out)["errors"]) == (7, {"streams.bad": "is bad"})
    assert "refused 2" in ctl("devices")[1]
    code, out, _ = ctl("config", "diff", "gate-7")
    assert (code, out.splitlines()[:2]) == (0, ["--- gate-7 (reported)", "+++ gate-7 (desired)"])
    assert "-  streams.bad: is bad" in out.splitlines()
    assert json.loads(ctl("config", "diff", "gate-7", "--json")[1])["differs"] is True


@pytest.mark.slow
def test_a_device_that_refuses_has_no_say_over_the_terminal(ctl, device, tmp_path):
    device.complaint = "\x1b[2J\x9b1;1Hall is well\u202e"
    (tmp_path / "bad.yaml").write_text("streams: {bad: {source: x}}\n")
    code, _, err = ctl("config", "set", "gate-7", "bad.yaml")
    assert (code, err[0]) == (7, "sfumato: gate-7: streams.bad: ?[2J?1;1Hall is well?")
    for words in (["get", "gate-7"], ["diff", "gate-7"], ["get", "gate-7", "--json"]):
        out = ctl("config", *words)[1]
        assert "all is well" in out
        assert out.replace("\n", "").isprintable(), ascii(out)


def test_a_device_with_the_highest_number_there_is_gets_no_traceback(ctl, tell, tmp_path):
    tell("gate-7/config/reported", json.dumps({
        "rev": 2**53, "applied": True, "digest": "0" * 64, "errors": {}, "overrides": [],
        "needs_restart": [],
    }).encode())  # fmt: skip
    (tmp_path / "a.yaml").write_text("telemetry: {interval_s: 30}\n")
    code, _, err = ctl("config", "set", "gate-7", "a.yaml")
    assert (code, len(err)) == (7, 1)
    assert "has the highest rev" in err[0]


@pytest.mark.slow
@pytest.mark.usefixtures("device")
def test_a_file_is_compared_with_what_was_set(ctl, tmp_path):
    (tmp_path / "a.yaml").write_text("streams: {door: {source: x}}\n")
    (tmp_path / "b.json").write_text('{"streams": {"door": {"source": "y"}}}')
    ctl("config", "set", "gate-7", "a.yaml")
    assert ctl("config", "diff", "gate-7", "a.yaml") == (0, "", [])
    assert ctl("config", "diff", "gate-7") == (0, "", [])
    _, out, _ = ctl("config", "diff", "gate-7", "b.json")
    assert [line for line in out.splitlines() if line[1:].strip().startswith("source")] == [
        "-    source: x",
        "+    source: y",
    ]


@pytest.mark.slow
def test_a_device_that_is_away_has_not_reported_yet(ctl, broker, tmp_path):
    (tmp_path / "a.yaml").write_text("telemetry: {interval_s: 30}\n")
    with SimulatedDevice(broker.port):
        pass
    code, out, err = ctl("config", "set", "gate-7", "a.yaml", "--timeout", "0.5")
    assert (code, out, len(err)) == (8, "", 1)
    assert "has 0, should have 1" in ctl("devices")[1]
    with SimulatedDevice(broker.port) as device:  # it takes it when it is back
        device.until(lambda: device._reported.rev == 1)
    code, _, err = ctl("config", "get", "gate-99")
    assert (code, len(err)) == (8, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "should hold sections to set"),
        ("- a", "holds no settings"),
        ("mqtt: {host: x}", "mqtt: can't be set from afar; sections that can: streams"),
        ("streams: door", "streams: should be a section"),
        ("streams: [", "a.yaml:"),
    ],
)
def test_a_file_that_makes_no_sense_is_not_sent(ctl, device, tmp_path, text, said):
    (tmp_path / "a.yaml").write_text(text)
    code, out, err = ctl("config", "set", "gate-7", "a.yaml")
    assert (code, out, len(err)) == (2, "", 1)
    assert said in err[0]
    assert device._reported.rev == 0


def test_what_the_broker_holds_and_nobody_can_read_is_said(ctl, tell):
    tell("gate-7/config/desired", b"[1")
    code, _, err = ctl("config", "get", "gate-7")
    assert (code, len(err)) == (7, 1)


# ---------------------------------------------------------------- watch, collect, help


def ctl_process(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "ctl", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def read_until(process, word):
    """Lines of its standard output, up to the first one with a word in it."""
    lines = []
    while not lines or word not in lines[-1]:
        line = process.stdout.readline()
        assert line, (lines, process.stderr.read())
        lines.append(line)
    return lines


def interrupted(process):
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, err.splitlines()


@pytest.mark.slow
def test_a_device_is_watched(broker, device):
    process = ctl_process("watch", "gate-7", "--broker", f"127.0.0.1:{broker.port}")
    device.until(lambda: process.poll() is None)
    told = "".join(read_until(process, "config: "))
    assert "online (start)" in told
    assert "agent 0.1 on simulated, world v3" in told
    assert "stream door: running" in told
    device.happen()
    assert "event 1 track: number 1" in read_until(process, "event ")[-1]
    device.session.publish(Message(f"{topics.ROOT}/gate-7/evt/odd", b"\xff"), None)
    assert "evt/odd: can't be read" in read_until(process, "odd")[-1]
    assert interrupted(process) == (130, ["sfumato: stopped"])


@pytest.mark.slow
def test_what_is_watched_is_json_for_programs(broker, device):
    process = ctl_process("--broker", f"127.0.0.1:{broker.port}", "--json", "watch", "gate-7")
    device.until(lambda: process.poll() is None)
    lines = read_until(process, "config/reported")
    device.happen()
    lines += read_until(process, "evt/")
    documents = [json.loads(line) for line in lines]
    assert {document["topic"] for document in documents} >= {"conn", "info", "streams"}
    assert all(document["retained"] for document in documents[:-1])
    assert documents[-1]["payload"]["data"] == {"number": 1}
    assert interrupted(process)[0] == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "events.csv"], "should end in .db"),
        (["--out", "events.db", "--shared", "g"], "--shared needs --name"),
        (["--out", "events.db", "--name", "a b"], "--name a b"),
        (["--out", "events.db", "--shared", "a/b", "--name", "a"], "--shared a/b"),
        (["--out", "events.db", "Gate_7"], "no device's name"),
    ],
)
def test_a_collection_that_makes_no_sense_is_not_begun(ctl, words, said):
    code, out, err = ctl("collect", *words)
    assert (code, out, len(err)) == (2, "", 1)
    assert said in err[0]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["devices"],
        ["watch"],
        ["cmd"],
        ["config"],
        ["config", "set"],
        ["config", "diff"],
        ["collect"],
        ["rollout"],
        ["rollout", "start"],
    ],
)
def test_help_teaches(capsys, words):
    with pytest.raises(SystemExit) as caught:
        main(["ctl", *words, "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "usage: sfumato ctl" in said
    if words in ([], ["cmd"]):
        assert "7 " in said.split("exit codes:")[1]
    if words == ["cmd"]:
        assert "snapshot   a redacted picture" in said
