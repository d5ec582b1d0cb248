"""Whoever crosses a limit is closed with a reason, and who watches beside loses no picture."""

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from live_world import Booth, Client, Closed, Stage, serving, until, witness

from agent.live.admission import Limits
from agent.live.wire import Picture

pytestmark = pytest.mark.usefixtures("beside")

SHORT = Limits(
    connections=6, sockets=24, handshake_s=1.0, hello_s=1.0, idle_s=3.0, pictures_per_s=60
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    stage, booth = Stage(), Booth(limit=1)
    folder = tmp_path_factory.mktemp("live")
    with serving(folder, [stage], booth, limits=SHORT) as server:
        yield server, stage, booth


@pytest.fixture
def beside(house):
    server, stage, _ = house
    with witness(server, stage) as seen:
        yield seen


def camera(server):
    client = Client(server).hello("camera")
    client.next("welcome")
    return client


def refusal(client):
    messages, closed = client.end()
    refused = [m for m in messages if isinstance(m, dict) and m["type"] == "refused"]
    return (refused[-1]["text"] if refused else None), closed


def test_the_defaults_are_those_of_the_design():
    limits = Limits()
    assert (limits.connections, limits.pictures_per_s) == (64, 60)
    assert (limits.handshake_s, limits.hello_s) == (5, 2)
    assert limits.idle_s < 15


def test_a_message_of_more_than_a_mebibyte(house):
    with camera(house[0]) as client:
        client.chunk(1, bytes(2**20 - 16))
        client.next("taken")
        client.chunk(2, bytes(2**20 - 15))
        assert client.end()[1].code == 1009


def test_a_hello_of_more_than_four_kibibytes(house):
    hello = json.dumps({"type": "hello", "v": 1, "want": "watch"})
    with Client(house[0]) as client:
        client.say(hello.ljust(4097))
        text, closed = refusal(client)
        assert text == "a text has at most 4096 bytes"
        assert closed == Closed(1009, "limit")


@pytest.mark.slow
def test_no_hello(house):
    with Client(house[0]) as client:
        assert refusal(client) == ("no hello came within 1 s", Closed(1008, "message"))


@pytest.mark.parametrize("first", [b"picture", '{"type": "do", "id": 1, "what": "pause"}'])
def test_something_else_before_the_hello(house, first):
    with Client(house[0]) as client:
        client.say(first)
        assert refusal(client) == ("the hello comes first", Closed(1008, "message"))


def test_a_second_hello(house):
    with Client(house[0]) as client:
        client.hello().hello()
        assert refusal(client) == ("the hello comes once", Closed(1008, "message"))


def test_a_picture_of_somebody_who_watches(house):
    with Client(house[0]) as client:
        client.hello().chunk(1)
        assert refusal(client) == ("only a camera sends pictures", Closed(1008, "message"))


def test_more_than_sixty_pictures_a_second(house):
    with camera(house[0]) as client:
        sent = 0
        reading = []
        thread = threading.Thread(target=lambda: reading.append(refusal(client)))
        thread.start()
        try:
            while thread.is_alive():
                sent += 1
                client.chunk(sent)
                time.sleep(1 / 400)  # fewer frames than cut a client off without a word
        except OSError:  # it was closed
            pass
        thread.join()
        assert sent > 120
        text, closed = reading[0]
        assert text in (None, "more than 60 pictures a second")  # the rest may be cut off
        assert closed in (Closed(1008, "limit"), Closed(1006, ""))
    assert house[0].status().refused["limit"] >= 1


def test_more_frames_than_a_client_needs(house, caplog):
    """It reads each answer, and would have the server do nothing else."""
    with Client(house[0]) as client:
        client.hello().next("welcome")
        reading = threading.Thread(target=client.end)
        reading.start()
        ping = b"\x89\x80" + bytes(4)
        for _ in range(2000):
            try:
                client.socket.sendall(ping * 1000)
            except OSError:
                break
        else:
            raise AssertionError("it was never cut off")
        reading.join()
    assert caplog.text == ""


def test_more_texts_than_a_person_says(house):
    with Client(house[0]) as client:
        client.hello()
        for id_ in range(60):
            client.say({"type": "do", "id": id_, "what": "key"})
        assert refusal(client) == ("more than 20 texts a second", Closed(1008, "limit"))


def test_numbers_that_do_not_rise(house):
    with camera(house[0]) as client:
        client.chunk(2)
        client.chunk(2)
        text, closed = refusal(client)
        assert text == "the numbers of a camera's pictures rise, from 1 on"
        assert closed == Closed(1007, "message")


def test_more_connections_than_may_be(house):
    server = house[0]
    until(lambda: len(server._house.inside) == 1)  # those of the tests before have gone
    with ExitStack() as stack:
        others = [stack.enter_context(Client(server)) for _ in range(SHORT.connections - 1)]
        for each in others:
            each.hello().next("welcome")
        with Client(server) as client:
            text, closed = refusal(client.hello())
            assert text == f"{SHORT.connections} are connected already"
            assert closed == Closed(1013, "limit")
        for each in others:
            each.say({"type": "do", "id": 1, "what": "key"})
            each.next("done")


def half_open(server):
    """A handshake that never ends."""
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    raw.sendall(b"GET /ws HTTP/1.1\r\nHost: ")
    return raw


def is_cut_off(raw):
    """Waits for it."""
    try:
        return raw.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.slow
def test_handshakes_that_never_end(house):
    server, stage, _ = house
    with ExitStack() as stack:
        half = [stack.enter_context(half_open(server)) for _ in range(8)]
        stage.show(5)
        assert all(is_cut_off(each) for each in half)


def test_more_sockets_than_may_be(tmp_path):
    stage = Stage()
    limits = Limits(sockets=8, handshake_s=1e6)
    with (
        serving(tmp_path, [stage], limits=limits) as server,
        witness(server, stage),
        ExitStack() as stack,
    ):
        half = [stack.enter_context(half_open(server)) for _ in range(7)]
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as one_too_many:
            assert is_cut_off(one_too_many)
        half.pop().close()
        until(lambda: len(server._house.inside) == 1 and may_come(server))


def may_come(server):
    try:
        with Client(server) as client:
            return client.hello().take()["type"] == "welcome"
    except OSError:
        return False


@pytest.mark.slow
def test_a_camera_whose_network_vanished_leaves_its_place(house):
    server, stage, booth = house
    with camera(server) as silent:
        began = time.monotonic()
        (place,) = booth.open_now
        with Client(server) as other:
            assert other.hello("camera").end()[1] == Closed(1013, "busy")
        until(lambda: not stage.show() and place not in booth.open_now)
        assert time.monotonic() - began >= SHORT.idle_s / 2  # not because it was opened
        with camera(server):
            pass
        assert silent.end()[1].code == 1006


@pytest.mark.slow
def test_a_viewer_that_does_not_read_costs_nobody_anything_and_begins_with_a_key(tmp_path):
    """What it still gets is what was on its way; then a key, and nothing older than half a second."""
    stage = Stage(most_age_s=0.5, most_bytes=1 << 20, size=4000)
    patient = Stage("patient")
    limits = Limits(idle_s=30)
    with (
        serving(tmp_path, [stage, patient], limits=limits) as server,
        witness(server, patient),
        Client(server) as client,
    ):
        client.hello().next("welcome")
        client.socket.settimeout(60)
        stage.show(5)
        while client.next(Picture).time_us != stage.pts * 40_000:
            pass
        with stage.playing():
            first = stage.pts
            until(lambda: stage.pts >= first + 300)  # two seconds at least; it doesn't read
            resumed_at, resumed = time.monotonic(), stage.pts
            pictures = [client.next(Picture)]
            while pictures[-1].time_us // 40_000 <= resumed + 20:
                pictures.append(client.next(Picture))
                patient.show()
        pts = [each.time_us // 40_000 for each in pictures]
        gaps = [n for n in range(1, len(pts)) if pts[n] != pts[n - 1] + 1]
        assert gaps
        assert all(pictures[n].is_key for n in gaps)
        assert stage.written_at[pts[gaps[0] - 1]] < resumed_at  # what was on its way
        assert stage.written_at[pts[gaps[-1]]] >= resumed_at - 0.5
        client.socket.close()
        until(lambda: server.status().lost >= sum(pts[n] - pts[n - 1] - 1 for n in gaps))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["commands", "pings"])
def test_a_client_that_wants_answers_and_does_not_read_them_is_cut_off(tmp_path, how):
    stage, beside = Stage(size=1 << 20), Stage("beside")
    limits = Limits(texts_per_s=1e9, frames_per_s=1e9)
    with (
        serving(tmp_path, [stage, beside], limits=limits) as server,
        witness(server, beside),
        Client(server) as client,
    ):
        client.hello().next("welcome")
        stage.show(20)  # the way to it is full
        if how == "commands":
            request = json.dumps({"type": "do", "id": 1, "what": "step"}).encode()
        frame = b"\x89\xfd" + bytes(4 + 125) if how == "pings" else framed(request)
        for _ in range(400):
            try:
                client.socket.sendall(frame * 200)
            except OSError:
                break
        else:
            raise AssertionError("it was never cut off")


def framed(text):
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
