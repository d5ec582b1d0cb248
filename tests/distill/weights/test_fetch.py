"""Weights come over a web that drops, lies and refuses; simulated by a server of our own."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import distill.weights.fetch
from distill.errors import InputError, OutputError, UsageError
from distill.weights.fetch import PUBLISHED, address, fetch

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: several chunks


class World(ThreadingHTTPServer):
    """A server with one file, and what may be wrong with it.

    Attributes:
        content: what it holds.
        faults: how the next requests go wrong: a status code, or the number of bytes after
            which the connection breaks off, as a negative number.
        ranges: whether it knows Range.
        asked: the Range that each request had.
    """

    daemon_threads = True

    def __init__(self):
        self.content, self.faults, self.ranges, self.asked = CONTENT, [], True, []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_address[1]}/rtmdet"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        world, asked = self.server, self.headers.get("Range")
        world.asked.append(asked)
        fault = world.faults.pop(0) if world.faults else None
        if fault and fault > 0:
            self.send_error(fault)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and world.ranges else 0
        if start >= len(world.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(world.content)}")
            self.end_headers()
            return
        part = world.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(part)))
        if start:
            last, whole = len(world.content) - 1, len(world.content)
            self.send_header("Content-Range", f"bytes {start}-{last}/{whole}")
        self.end_headers()
        self.wfile.write(part[: -fault if fault else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def world():
    with World() as world:
        thread = threading.Thread(target=world.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield world
        world.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def name(monkeypatch):
    """A name of the published form that fits what the server holds."""
    digest = hashlib.sha256(CONTENT).hexdigest()[:8]
    name = f"rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-{digest}.pth"
    monkeypatch.setitem(PUBLISHED, "tiny", name)
    return name


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def get(world, pauses, tmp_path):
    def get(**options):
        return fetch("tiny", tmp_path, base=world.base, sleep=pauses.append, **options)

    return get


def test_the_published_addresses():
    assert address("l") == (
        "https://download.openmmlab.com/mmdetection/v3.0/rtmdet/rtmdet-ins_l_8xb32-300e_coco/"
        "rtmdet-ins_l_8xb32-300e_coco_20221124_103237-78d1d652.pth"
    )
    assert "/rtmdet-ins_x_8xb16-300e_coco/rtmdet-ins_x" in address("x")


def test_a_fetch_brings_the_file_and_tells_how_far_it_is(get, name, tmp_path):
    steps = []
    path = get(progress=lambda there, whole: steps.append((there, whole)))
    assert path == tmp_path / name
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert len(steps) > 2
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_what_is_there_is_not_fetched_again(get, world):
    get()
    assert get().read_bytes() == CONTENT
    assert len(world.asked) == 1


def test_a_damaged_file_is_replaced(get, name, tmp_path):
    (tmp_path / name).write_bytes(b"half of it")
    assert get().read_bytes() == CONTENT


def test_a_fetch_goes_on_where_it_stopped(get, world, name, tmp_path):
    (tmp_path / f"{name}.part").write_bytes(CONTENT[:300_000])
    assert get().read_bytes() == CONTENT
    assert world.asked == ["bytes=300000-"]


def test_a_connection_that_breaks_off_is_taken_up(get, world, pauses):
    """Progress starts the pauses anew: a line that drops five times is still worth it."""
    world.faults = [-100_000, -200_000, -300_000, -100_000, -100_000]
    assert get().read_bytes() == CONTENT
    assert len(pauses) == 5
    assert set(pauses) == {1.0}
    assert world.asked[0] is None
    assert world.asked[1] == "bytes=100000-"
    assert len(world.asked) == 6


def test_a_busy_server_is_asked_again_with_growing_pauses(get, world, pauses):
    world.faults = [503, 429]
    assert get().read_bytes() == CONTENT
    assert pauses == [1.0, 2.0]


def test_a_server_without_ranges_gives_all_from_the_start(get, world, name, tmp_path):
    world.ranges = False
    (tmp_path / f"{name}.part").write_bytes(b"x" * 300_000)
    assert get().read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(get, world, name, tmp_path):
    (tmp_path / f"{name}.part").write_bytes(CONTENT)
    assert get().read_bytes() == CONTENT
    assert world.asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_too_long_is_thrown_away(get, name, tmp_path):
    (tmp_path / f"{name}.part").write_bytes(CONTENT + b"more")
    assert get().read_bytes() == CONTENT


def test_wrong_bytes_are_never_taken_for_weights(get, world, tmp_path):
    world.content = CONTENT[:-1] + b"?"
    with pytest.raises(InputError, match="not the published file"):
        get()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("faults", "asked"), [([404], 1), ([403], 1), ([500] * 9, 4)])
def test_what_can_not_be_had_is_to_be_downloaded_by_hand(get, world, name, tmp_path, faults, asked):
    world.faults = list(faults)
    with pytest.raises(InputError) as caught:
        get()
    said = str(caught.value)
    assert str(faults[0]) in said
    assert f"download {world.base}/rtmdet-ins_tiny_8xb32-300e_coco/{name} by hand" in said
    assert f"put it at {tmp_path / name}" in said
    assert "\n" not in said
    assert len(world.asked) == asked


def test_without_a_network_the_message_is_the_same(get, world, pauses):
    world.shutdown()
    world.server_close()
    with pytest.raises(InputError, match=r"\(Connection refused\); download .* by hand"):
        get()
    assert pauses == [1.0, 2.0, 4.0]


def test_a_host_that_nobody_knows_is_named_as_such(pauses, tmp_path):
    with pytest.raises(InputError, match="by hand"):
        fetch("tiny", tmp_path, base="http://nowhere.invalid", sleep=pauses.append)


def test_an_address_must_be_one(tmp_path):
    with pytest.raises(UsageError, match="https://"):
        fetch("tiny", tmp_path, base="file:///etc")


def test_a_folder_that_can_not_be_is_refused(tmp_path, world):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written: Not a directory"):
        fetch("tiny", tmp_path / "file" / "folder", base=world.base)


def test_a_server_that_never_ends_is_left(get, monkeypatch):
    monkeypatch.setattr(distill.weights.fetch, "_MAX_BYTES", 1 << 20)
    with pytest.raises(InputError, match="over 1 MiB"):
        get()
