"""What browsers get of a live server: its page, streams, and a place as a camera."""

import http.client
import io
import json
import threading
import time
from dataclasses import asdict, replace

import av
import pytest
from live_world import STATE, Booth, Client, Closed, Stage, serving, until, witness
from recording import INFO, number_of, numbered

from agent.errors import InputError, OutputError, UsageError
from agent.live.live_server import LiveServer
from agent.live.outgoing import IN_FLIGHT_S
from agent.live.show import Key, Pause, Resume, Seek, Step
from agent.live.wire import ANNEX_B, CAMERA, FMP4_FRAGMENT, FMP4_START, Picture
from agent.video.encoder import VideoEncoder
from agent.video.fanout import MOST_AGE_S

TOKEN = "0123456789abcdef"  # noqa: S105 of this test alone


@pytest.fixture(scope="module")
def open_house(tmp_path_factory):
    """A server with a stream and a place for two cameras."""
    stage, booth = Stage(), Booth()
    with serving(tmp_path_factory.mktemp("live"), [stage, Stage("yard")], booth) as server:
        yield server, stage, booth


@pytest.fixture
def house(open_house):
    """The same, once the last test's cameras are closed."""
    server, _, booth = open_house
    until(lambda: not booth.open_now and server.status().clients["camera"] == 0)
    return open_house


def get(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", path, headers={name.title(): v for name, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def test_the_page_is_given_with_what_keeps_it_to_this_server(house):
    server, *_ = house
    status, headers, text = get(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<title>live</title>" in text
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Server"] is None
    assert get(server, "/live.js?v=1")[1]["Content-Type"].startswith("text/javascript")
    for path in ("/nothing", "/../server.py", "/%2e%2e/server.py", "/.", "//"):
        assert get(server, path)[0] == 404


def test_only_by_its_own_name(house):
    server, *_ = house
    assert get(server, "/", host=f"localhost:{server.port}")[0] == 200
    for path in ("/", "/ws", "/metrics", "/healthz"):
        assert get(server, path, host="evil.example")[0] == 421
    own = f"127.0.0.1:{server.port}"
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:1", f"ftp://{own}"):
        with Client(server, origin=origin) as client:
            assert client.status == 403
    with Client(server, host="evil.example") as client:  # which resolves to here
        assert client.status == 421


@pytest.mark.slow
def test_a_viewer_gets_what_is_shown(house):
    server, stage, _ = house
    with Client(server) as client:
        welcome = client.hello().take()
        assert welcome["streams"] == ["door", "yard"]
        assert (welcome["stream"], welcome["every"], welcome["latency"]) == ("door", 3, "short")
        assert welcome["hold_back_ms"] == pytest.approx(200)
        assert (welcome["most_untaken"], welcome["most_age_ms"]) == (4, 200)
        assert welcome["most_late_ms"] == pytest.approx(600)
        stage.show()
        stage.fanout.say('{"type":"objects"}')
        stage.show()
        started = client.next("started")
        assert started == {
            "type": "started",
            "codec": "avc1.42C01E",
            "width": 96,
            "height": 64,
            "aspect": 1.0,
        }
        first = client.next(Picture)
        assert first.kind == ANNEX_B
        assert first.is_key
        assert first.payload == b"\0\0\0\1\x67\x42\xc0\x1e" + bytes([stage.pts - 1]) * 100
        client.next("objects")
        second = client.next(Picture)
        assert not second.is_key
        assert second.payload == bytes([stage.pts]) * 100
        assert second.time_us == first.time_us + 40_000 == stage.pts * 40_000
        state = client.next("state")
        assert state.items() >= asdict(STATE).items()
        assert state["most_late_ms"] == pytest.approx(600)


def test_a_stream_that_begins_anew_says_so_and_begins_with_a_key(house):
    server, stage, _ = house
    with Client(server) as client:
        client.hello().next("welcome")
        stage.show()
        client.next(Picture)
        stage.fanout.abort()
        stage.begin(width=128)
        stage.fanout.want_key()
        stage.show()
        assert client.next("started")["width"] == 128
        assert client.next(Picture).is_key


def test_for_mediasource_pictures_are_fragments(tmp_path):
    stage = Stage()
    encoder = VideoEncoder(INFO, wants_key=stage.fanout.wants_key)
    with serving(tmp_path, [stage]) as server, Client(server) as client:
        client.hello(**{"as": "fmp4"}).next("welcome")
        packets = [packet for n in range(4) for packet in encoder.encode(numbered(n, n))]
        stage.fanout.start(encoder.stream)
        for packet in packets:
            stage.fanout.write(packet)
        assert not stage.fanout.wants_key()
        started = client.next("started")
        start, *fragments, last = (client.next(Picture) for _ in range(5))
        assert stage.fanout.wants_key()  # for the last one was shown although no other came
    assert started["codec"].startswith("avc1.")
    assert (start.kind, start.number, start.payload[4:8]) == (FMP4_START, 0, b"ftyp")
    assert [each.kind for each in fragments] == [FMP4_FRAGMENT] * 3
    assert [each.is_key for each in fragments] == [True, False, False]
    assert last.time_us / 1e6 == pytest.approx(float(3 * INFO.time_base))
    pts_s = [float(n * INFO.time_base) for n in range(3)]
    assert [each.time_us / 1e6 for each in fragments] == pytest.approx(pts_s)
    with av.open(io.BytesIO(b"".join(each.payload for each in (start, *fragments)))) as film:
        assert [number_of(each.to_ndarray()[: INFO.height]) for each in film.decode(video=0)] == [
            0,
            1,
            2,
        ]


def test_another_stream_by_its_name(house):
    server, *_ = house
    with Client(server) as client:
        assert client.hello(stream="yard").take()["stream"] == "yard"
    with Client(server) as client:
        (refused,), closed = client.hello(stream="cellar").end()
        assert refused["why"] == closed.reason == "stream"
        assert closed.code == 1008


def test_each_command_is_answered_once(house):
    server, stage, _ = house
    stage.obeyed.clear()
    with Client(server) as client:
        client.hello().next("welcome")
        for id_, what in enumerate(("pause", "pause", "resume", "step", "key")):
            client.say({"type": "do", "id": id_, "what": what})
        client.say({"type": "do", "id": 9, "what": "seek", "to_s": 1.5})
        done = [client.next("done") for _ in range(6)]
    assert [each["id"] for each in done] == [0, 1, 2, 3, 4, 9]
    assert [each["error"] for each in done] == [None] * 5 + ["not seekable"]
    assert stage.obeyed == [Pause(), Pause(), Resume(), Step(), Key(), Seek(1.5)]


def test_a_command_that_fails_is_answered_too(tmp_path, caplog):
    class Clumsy(Stage):
        def do(self, _command):
            raise ArithmeticError("whatever")

    with serving(tmp_path, [Clumsy()]) as server, Client(server) as client:
        client.hello().say({"type": "do", "id": 1, "what": "step"})
        assert client.next("done")["error"] == "a fault of ours; the log says more"
        client.say({"type": "do", "id": 2, "what": "step"})
        assert client.next("done")["id"] == 2
    assert "a command failed" in caplog.text


def test_each_number_of_a_camera_is_taken_and_answered_once(house):
    server, _, booth = house
    with Client(server) as client:
        welcome = client.hello("camera").next("welcome")
        assert (welcome["clients"], welcome["limit"]) == (1, 2)
        answers = {}
        for number in range(1, 41):
            client.chunk(number, f"picture {number}".encode(), is_key=number == 1)
            while number not in answers:
                match client.take():
                    case {"type": "dropped", "numbers": numbers}:
                        answers |= dict.fromkeys(numbers, "dropped")
                    case {"type": "taken", "number": each}:
                        assert each == number
                    case Picture() as picture:
                        assert picture.number not in answers
                        answers[picture.number] = picture.payload[-1]
        assert answers == {n: n if n % 3 else "dropped" for n in range(1, 41)}
        (camera,) = booth.open_now
        assert camera.pushed[4] == (5, 165_000, False, b"picture 5")
        assert server.status().dropped == {"each third is": 13}
        assert server.status().clients == {"watch": 0, "camera": 1}
        camera.answers.want_key()
        client.next("key")
    until(lambda: not booth.open_now)
    until(lambda: server.status().clients["camera"] == 0)


def test_a_picture_that_comes_before_the_welcome_is_taken(house):
    server, *_ = house
    with Client(server) as client:
        client.hello("camera")
        for number in (1, 2):
            client.chunk(number)
        client.next("welcome")
        assert [client.next("taken")["number"] for _ in range(2)] == [1, 2]


def test_a_picture_may_come_in_parts_and_texts_and_pings_in_between(house):
    server, _, booth = house
    with Client(server) as client:
        client.hello("camera").next("welcome")
        (camera,) = booth.open_now
        for number in (1, 2):
            message = bytes(Picture(CAMERA, number, 0, is_key=True, payload=b"0123456789"))
            client.frame(2, message[:5], ends=False)
            client.frame(9, b"ping")
            client.frame(0, message[5:20], ends=False)
            client.frame(0, message[20:])
            do = b'{"type":"do","id":1,"what":"key"}'
            client.frame(1, do[:9], ends=False)
            client.frame(0, do[9:])
            assert client.next("done")["id"] == 1
        assert [pushed[0] for pushed in camera.pushed] == [1, 2]
        assert [pushed[3] for pushed in camera.pushed] == [b"0123456789"] * 2


def test_a_stream_that_can_not_be_told_of_ends_a_connection_with_a_fault(tmp_path):
    stage = Stage()
    with serving(tmp_path, [stage]) as server, Client(server) as client:
        client.hello().next("welcome")
        stage.begin(codec="hevc")
        stage.show()
        assert client.end()[1] == Closed(1011, "fault")


def test_numbers_that_were_passed_over_are_dropped_before_the_picture(house):
    server, _, booth = house
    with Client(server) as client:
        client.hello("camera").next("welcome")
        (camera,) = booth.open_now
        camera.push = lambda number, *_: camera.answers.taken(number)
        for number in (1, 2):
            client.chunk(number)
        assert [client.next("taken")["number"] for _ in range(2)] == [1, 2]
        client.chunk(4)
        assert client.next("dropped")["numbers"] == [3]  # which was lost on the way
        assert client.next("taken")["number"] == 4
        camera.show.pts = 3
        camera.show.show(2)  # of 4, and one of no frame of the client's
        assert client.next("dropped")["numbers"] == [1, 2]
        assert client.next(Picture).number == 4
        assert client.next(Picture).number == 0


def test_whoever_is_one_too_many_is_told_so_and_opens_nothing(house):
    server, _, booth = house
    with Client(server) as one, Client(server) as two:
        one.hello("camera").next("welcome")
        two.hello("camera").next("welcome")
        opened = booth.opened
        with Client(server) as three:
            (refused,), closed = three.hello("camera").end()
        assert refused == {
            "type": "refused",
            "why": "busy",
            "text": "2 of 2 cameras are open",
            "clients": 2,
            "limit": 2,
        }
        assert closed == Closed(1013, "busy")
        assert booth.opened == opened
        one.socket.close()
        until(lambda: len(booth.open_now) == 1)
        with Client(server) as three:
            three.hello("camera").next("welcome")


def test_a_camera_that_cannot_be_opened_says_why(house):
    server, *_ = house
    with Client(server) as client:
        offer = {"codec": "vp8", "width": 640, "height": 360}
        (refused,), closed = client.hello("camera", camera=offer).end()
        assert refused["text"] == "this machine decodes no VP8"
        assert closed == Closed(1008, "camera")


def test_a_stream_that_ends_says_why(tmp_path):
    stage = Stage()
    with serving(tmp_path, [stage]) as server, Client(server) as client:
        client.hello().next("welcome")
        stage.show()
        stage.fanout.close("the file is over")
        messages, closed = client.end()
        assert messages[-1]["text"] == "the file is over"
        assert closed == Closed(1000, "ended")


def test_where_a_token_is_needed(tmp_path):
    token, stage = TOKEN, Stage()
    with (
        serving(tmp_path, [stage], token=token) as server,
        witness_with(server, stage, token) as seen,
    ):
        for wrong in (None, "", "0123456789abcdeg", token + "x", "\ud800"):
            with Client(server) as client:
                (refused,), closed = client.hello(token=wrong).end()
                assert token not in json.dumps(refused)
                assert closed == Closed(1008, "token") if wrong != "\ud800" else closed.code == 1007
        assert seen


def witness_with(server, stage, token):
    """`witness` with a token."""

    class Bearer(Client):
        def hello(self, *args, **settings):
            return super().hello(*args, token=token, **settings)

    return witness(server, stage, Bearer)


def test_whoever_is_there_before_a_stream_sees_it_once_it_is(tmp_path):
    shows = []
    with serving(tmp_path, shows, Booth()) as server, Client(server) as client:
        assert client.hello().take()["stream"] is None
        client.say({"type": "do", "id": 1, "what": "pause"})
        assert client.next("done")["error"] == "nothing is shown here yet"
        shows.append(Stage())
        while (welcome := client.next("welcome"))["stream"] is None:
            pass
        assert welcome["streams"] == ["door"]
        shows[0].show()
        assert client.next(Picture).is_key


def test_a_fault_of_ours_costs_one_client_its_connection(tmp_path, caplog):
    class Broken(Booth):
        def open(self, *_):
            raise ArithmeticError("whatever")

    stage = Stage()
    with serving(tmp_path, [stage], Broken()) as server, witness(server, stage):
        with Client(server) as client:
            assert client.hello("camera").end() == ([], Closed(1011, "fault"))
        assert server.status().refused == {"fault": 1}
    assert "a client's connection failed" in caplog.text


def test_commands_wait_for_those_before_but_not_without_end(tmp_path):
    class Slow(Stage):
        going = threading.Event()

        def do(self, command):
            self.going.wait()
            return super().do(command)

    stage = Slow()
    with serving(tmp_path, [stage]) as server, Client(server) as client:
        client.hello()
        for id_ in range(30):
            client.say({"type": "do", "id": id_, "what": "step"})
        done = [client.next("done") for _ in range(12)]
        assert {each["error"] for each in done} == {"too many commands wait already"}
        stage.going.set()
        done += [client.next("done") for _ in range(18)]
    assert sorted(each["id"] for each in done) == list(range(30))
    assert len(stage.obeyed) == sum(each["error"] is None for each in done) >= 16


@pytest.mark.slow
def test_health_is_whether_frames_come_out(tmp_path):
    door, yard = Stage(), Stage("yard")
    with serving(tmp_path, [door, yard]) as server:
        assert get(server, "/healthz")[::2] == (200, "ok\n")
        yard.condition = replace(STATE, state="paused")
        assert get(server, "/healthz")[0] == 200
        yard.condition = replace(STATE, state="reconnecting", why="it hung up")
        assert get(server, "/healthz")[::2] == (503, "yard: reconnecting, it hung up\n")
    with serving(tmp_path) as server:  # no source is configured
        assert get(server, "/healthz")[0] == 200
        with Client(server) as client:
            client.hello()
            for _ in range(2):  # again and again
                welcome = client.take()
            assert (welcome["stream"], welcome["streams"], welcome["limit"]) == (None, [], 0)
        with Client(server) as client:
            assert client.hello("camera").end()[1] == Closed(1008, "camera")


def test_metrics_say_what_happened(house):
    server, stage, _ = house
    with Client(server) as client:
        client.hello(stream="cellar").end()
    with Client(server) as client:
        client.hello().next("welcome")
        stage.show()
        client.next(Picture)
        status, headers, text = get(server, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert float(values['sfumato_live_clients{as="watch"}']) == 1
    assert float(values["sfumato_live_frames_total"]) >= 1
    assert float(values['sfumato_hold_back_frames{stream="door"}']) == 6
    assert float(values['sfumato_live_delay_seconds{quantile="0.95",stream="door"}']) == 0.09
    assert float(values['sfumato_live_refused_total{reason="stream"}']) >= 1


def test_metrics_for_others_need_the_token(tmp_path):
    with serving(tmp_path, [Stage()], token=TOKEN) as server:
        assert get(server, "/metrics")[0] == 200  # from this machine


def test_what_is_wrong_is_said_before_anything_is_served(tmp_path):
    def shows():
        return {}

    with pytest.raises(UsageError, match="a token is needed"):
        LiveServer("0.0.0.0:0", shows)
    with pytest.raises(UsageError, match="--listen: 'localhost:1'"):
        LiveServer("localhost:1", shows)
    with pytest.raises(InputError, match="there is no page"):
        LiveServer("127.0.0.1:0", shows, page=tmp_path / "nowhere")
    with (
        serving(tmp_path) as server,
        pytest.raises(OutputError, match=f"port {server.port}"),
        serving(tmp_path, listen=f"127.0.0.1:{server.port}"),
    ):
        raise AssertionError("two on one port")


@pytest.mark.slow
def test_closing_says_good_bye_also_to_who_does_not_read(tmp_path):
    stage, booth = Stage(size=1 << 20), Booth()
    with serving(tmp_path, [stage], booth) as server:
        with Client(server) as client, Client(server) as deaf, Client(server) as camera:
            camera.hello("camera").next("welcome")
            deaf.hello().next("welcome")
            client.hello().next("welcome")
            ends = []
            reading = threading.Thread(target=lambda: ends.append(client.end()))
            reading.start()
            stage.show(20)
            until(lambda: server.status().pictures >= 3)
            server.close()
            reading.join()
            assert ends[0][1] == Closed(1001, "")
        assert not booth.open_now
        server.close()


@pytest.mark.slow
def test_what_waited_before_a_command_was_obeyed_is_not_shown_behind_its_answer(tmp_path):
    """So a seek is answered behind the last picture of before, also where a client lags."""
    stage = Stage(most_age_s=MOST_AGE_S)
    with serving(tmp_path, [stage]) as server, Client(server) as client:
        client.hello().next("welcome")
        stage.show()
        time.sleep(IN_FLIGHT_S + 0.2)  # it reads nothing, so that nothing more goes out
        stage.show(2)
        client.say({"type": "do", "id": 7, "what": "key"})
        until(lambda: stage.obeyed)
        last = stage.pts
        client.next("done")
        stage.show()
        assert client.next(Picture).time_us > last * 40_000
