"""All bytes of an offer, from a server that stops, stalls and lies."""

import contextlib
import hashlib
import resource
import ssl
from functools import partial

import numpy as np
import pytest
import trustme
from lying_server import LyingServer, truth
from ports import free_port

from agent.update.fetch import fetch, limit_s
from agent.update.ports import RefusedError, UnavailableError
from agent.update.web_server import Patience, Server
from models.offer import TARGETS, Offer, OfferCustom

DATA = np.random.default_rng(0).bytes(64 << 10)
HALF = len(DATA) // 2
CUSTOM = OfferCustom(name="person", version=2, digest="d" * 64)
OFFER = Offer(custom=CUSTOM, length=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
PLACE = f"{TARGETS}/{OFFER.sha256}.{CUSTOM.path}"
PATIENCE = Patience(connect_s=20, stall_s=3)


@pytest.fixture
def server(tmp_path):
    place = tmp_path / "served" / PLACE
    place.parent.mkdir(parents=True)
    place.write_bytes(DATA)
    with LyingServer(tmp_path / "served") as server:
        yield server


@pytest.fixture
def part(tmp_path):
    return tmp_path / "part"


@contextlib.contextmanager
def no_larger_file_than(size):
    """Whoever writes more into a file is told that it is too large."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fetched(url, part, progress=lambda _: None, **more):
    with Server(url, PATIENCE) as server, no_larger_file_than(len(DATA)):
        fetch(server, OFFER, part, progress, **more)


def half_and_hang_up(to, etag='"one"'):
    to.head(200, Content_Length=len(to.data), ETag=etag)
    to.send(to.data[:HALF])
    to.hang_up()


def half_and_stall(to):
    to.head(200, Content_Length=len(to.data), ETag='"one"')
    to.send(to.data[:HALF])
    to.over.wait(10)


def stall(to):
    to.over.wait(10)


def no_ranges(to):
    to.head(200, Content_Length=len(to.data))
    to.send(to.data)


def no_ranges_and_half(to):
    half_and_hang_up(to, etag="")


def part_of_another_file(to):
    """It knows nothing of If-Range."""
    to.head(206, Content_Range=f"bytes {to.start}-{len(DATA) - 1}/{len(DATA)}", ETag='"two"')
    to.send(b"x" * (len(DATA) - to.start))
    to.hang_up()


def another_part(to):
    to.head(206, Content_Range=f"bytes 7-{len(DATA) - 1}/{len(DATA)}", Content_Length=100)
    to.send(to.data[7:107])


def part_of_a_larger_file(to):
    to.head(206, Content_Range=f"bytes {to.start}-99999999/100000000", Content_Length=100)
    to.send(to.data[:100])


def endless(to):
    to.head(200)
    to.hang_up()
    while not to.over.is_set():
        to.send(to.data)


def larger(to):
    to.head(200, Content_Length=1 << 40)
    to.send(to.data)


def shorter(to):
    to.head(200, Content_Length=HALF)
    to.send(to.data[:HALF])


def short_without_a_word(to):
    """And nothing beyond, however often it is asked."""
    code, where = (
        (206, {"Content_Range": f"bytes {to.start}-{to.start}/*"}) if to.start else (200, {})
    )
    to.head(code, **where)
    to.hang_up()
    if not to.start:
        to.send(to.data[:HALF])


def wrong_bytes(to):
    to.head(200, Content_Length=len(to.data))
    to.send(to.data[::-1])


def code(number, to):
    to.head(number, Content_Length=0)


def redirect(location, to):
    to.head(302, Location=location, Content_Length=0)


def garbage(to):
    to.wfile.write(b"\x16\x03\x01 what?\r\n\r\n")
    to.hang_up()


def endless_headers(to):
    to.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        while not to.over.is_set():
            to.wfile.write(b"X-More: " + b"x" * 4096 + b"\r\n")


def byte_by_byte(to):
    to.head(200, Content_Length=len(to.data))
    for byte in to.data:
        to.send(bytes([byte]))


def short_of(many, to):
    """Hangs up after every few bytes."""
    size = len(to.data)
    where = {"Content_Range": f"bytes {to.start}-{size - 1}/{size}"} if to.start else {}
    to.head(206 if to.start else 200, ETag='"one"', Content_Length=size - to.start, **where)
    to.send(to.data[to.start : to.start + many])
    to.hang_up()


GONE_ON_WITH = {
    "a good one": ([truth], [None]),
    "no ranges": ([no_ranges], [None]),
    "no ranges, and breaks off": ([no_ranges_and_half, no_ranges], [None, "half"]),
    "breaks off": ([half_and_hang_up, truth], [None, "half"]),
    "stalls": ([half_and_stall, truth], [None, "half"]),
    "often breaks off": ([partial(short_of, 20_000)], [None, "20000", "40000", "60000"]),
    "changed ETag": ([half_and_hang_up, partial(truth, etag='"two"')], [None, "half"]),
    "changed ETag, and no If-Range": (
        [half_and_hang_up, part_of_another_file, truth],
        [None, "half", None],
    ),
    "weak ETag": ([partial(half_and_hang_up, etag='W/"x"'), truth], [None, "half"]),
    "redirect of its own": ([partial(redirect, "/" + PLACE), truth], [None, None]),
}
"""By what it does: how it answers, and what it is asked for."""


@pytest.mark.parametrize("what", GONE_ON_WITH)
def test_a_fetch_goes_on_at_its_byte_or_begins_anew(server, part, what):
    how, asked = GONE_ON_WITH[what]
    server.lie(".sfm", *how)
    shares = []
    fetched(server.url, part, shares.append)
    assert part.read_bytes() == DATA
    assert server.ranges(".sfm") == [
        each and f"bytes={HALF if each == 'half' else each}-" for each in asked
    ]
    assert shares[-1] == 1
    assert len(shares) <= 101 * len(how)


REFUSED = {
    "endless": ([endless], "sends more bytes; 65536 bytes were signed"),
    "larger": ([larger], "sends 1099511627776 bytes; 65536 bytes"),
    "shorter": ([shorter], "sends 32768 bytes; 65536"),
    "shorter, unsaid": ([short_without_a_word], "sends 32768 bytes; 65536"),
    "wrong bytes": ([wrong_bytes], "sends other bytes than those that were signed"),
    "another part": ([half_and_hang_up, another_part], "another part than it was asked for"),
    "part of another": ([half_and_hang_up, part_of_a_larger_file], "a part of 100000000 bytes"),
    "404": ([partial(code, 404)], "answers 404 Not Found"),
    "404 midway": ([half_and_hang_up, partial(code, 404)], "answers 404 Not Found"),
    "403": ([partial(code, 403)], "answers 403 Forbidden"),
    "416": ([half_and_hang_up, partial(code, 416)], "answers 416"),
    "204": ([partial(code, 204)], "answers 204"),
    "redirect to another scheme": (
        [partial(redirect, f"https://127.0.0.1/{PLACE}")],
        "redirects to https://127.0.0.1, another server",
    ),
    "redirect to another host": (
        [partial(redirect, f"http://example.com/{PLACE}")],
        "redirects to http://example.com, another server",
    ),
    "redirect to a file": ([partial(redirect, "file:///etc/passwd")], "redirects to file://"),
    "redirects in circles": ([partial(redirect, "/" + PLACE)], "redirects more than 3 times"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_the_signed_file_is_refused_and_leaves_nothing(server, part, what):
    how, why = REFUSED[what]
    server.lie(".sfm", *how)
    with pytest.raises(RefusedError, match=why):
        fetched(server.url, part)
    assert not part.exists()


AWAY = {
    "stalls at once": ([stall], "stopped sending", 0),
    "stalls midway": ([half_and_stall, stall], "stopped sending", HALF),
    "breaks off and stays away": ([half_and_hang_up, garbage], "broke off", HALF),
    "503": ([partial(code, 503)], "answers 503", 0),
    "503 midway": ([half_and_hang_up, partial(code, 503)], "answers 503", HALF),
    "429": ([partial(code, 429)], "answers 429", 0),
    "redirect to nowhere": ([partial(redirect, "http://a:b/")], "Invalid URL", 0),
    "garbage": ([garbage], "broke off", 0),
    "endless headers": ([endless_headers], "broke off", 0),
    "no ranges, and always breaks off": ([no_ranges_and_half], "begins the file anew", HALF),
}


@pytest.mark.parametrize("what", AWAY)
def test_a_server_that_is_away_is_gone_on_with_later(server, part, what):
    how, why, there = AWAY[what]
    server.lie(".sfm", *how)
    with pytest.raises(UnavailableError, match=why):
        fetched(server.url, part)
    assert part.read_bytes() == DATA[:there]
    server.asked.clear()
    server.lies.clear()
    fetched(server.url, part)
    assert part.read_bytes() == DATA
    assert server.ranges(".sfm") == [f"bytes={there}-" if there else None]


def test_the_tables_hold_what_the_design_names():
    assert (len(GONE_ON_WITH), len(REFUSED), len(AWAY)) == (10, 16, 10)


def test_nobody_there(part):
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1: can't be reached"):
        fetched(f"http://127.0.0.1:{free_port()}/", part)


def test_one_that_drips_is_given_up_after_a_time_and_gone_on_with(server, part):
    server.lie(".sfm", byte_by_byte)
    turns = iter([0.0, *[1.0] * 20, *[limit_s(len(DATA)) + 1] * 99])
    with pytest.raises(UnavailableError, match="sends too slowly"):
        fetched(server.url, part, now=lambda: next(turns))
    assert 0 < part.stat().st_size < len(DATA)
    server.lies.clear()
    fetched(server.url, part)
    assert part.read_bytes() == DATA


def test_what_an_earlier_run_left_is_not_asked_for_again(server, part):
    part.write_bytes(DATA[:1000])
    fetched(server.url, part)
    assert part.read_bytes() == DATA
    assert server.ranges(".sfm") == ["bytes=1000-"]
    fetched(server.url, part)
    assert len(server.asked) == 1


@pytest.mark.parametrize("left", [b"x" * 1000, DATA[:-1] + b"?", b"x" * len(DATA), DATA + b"!"])
def test_what_an_earlier_run_left_may_be_wrong(server, part, left):
    part.write_bytes(left)
    fetched(server.url, part)
    assert part.read_bytes() == DATA
    assert server.ranges(".sfm")[-1] is None


def test_no_room(server, part):
    with (
        Server(server.url, PATIENCE) as asked,
        no_larger_file_than(HALF),
        pytest.raises(RefusedError, match=r"part: can't be written \(File too large\)"),
    ):
        fetch(asked, OFFER, part)
    assert not part.exists()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://example.com/", "should begin with https://"),
        ("/srv/models", "should begin with https://"),
        ("https://", "should begin with https://"),
        ("http://a:b/", "is no address"),
    ],
)
def test_an_address_that_is_none(address, why):
    with pytest.raises(UnavailableError, match=why):
        Server(address)


def test_a_password_in_an_address_is_in_no_message(part):
    with pytest.raises(UnavailableError) as error:
        fetched(f"http://me:secret@127.0.0.1:{free_port()}/", part)
    assert "secret" not in str(error.value)


def test_a_server_is_believed_by_the_systems_certificates(server, part, tmp_path, monkeypatch):
    ours, theirs = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(tls)
    with LyingServer(server.folder, tls) as secure:
        for authority, is_right in ((theirs, False), (ours, True)):
            authority.cert_pem.write_to_path(tmp_path / "ca.pem")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            believed = contextlib.nullcontext() if is_right else pytest.raises(UnavailableError)
            with believed:
                fetched(secure.url, part)
    assert part.read_bytes() == DATA
    assert len(secure.asked) == 1
