"""Who may come in."""

import pytest
from worlds import HandClock

from agent.errors import UsageError
from agent.live.admission import Admission, Pace
from agent.live.wire import WireError

TOKEN = "correct horse battery"  # noqa: S105 of this test alone


def admission(listen="127.0.0.1", names=(), token=None, *, is_private=False):
    return Admission(listen, names, token, is_private=is_private)


@pytest.mark.parametrize(
    ("host", "local", "known"),
    [
        ("127.0.0.1:8080", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("LocalHost:8080", "127.0.0.1", True),
        ("[::1]:8080", "::1", True),
        ("localhost", "::1", True),
        ("cam.lan:8080", "192.0.2.7", True),
        ("CAM.lan", "127.0.0.1", True),
        ("192.0.2.7:8080", "192.0.2.7", True),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("192.0.2.8", "192.0.2.7", False),
        ("localhost", "192.0.2.7", False),  # a name that somebody else's resolver made
        ("evil.example", "127.0.0.1", False),
        ("cam.lan.evil.example", "127.0.0.1", False),
        ("cam.lan:8080@evil.example", "127.0.0.1", False),
        ("cam.lan:80:80", "127.0.0.1", False),
        ("cam.lan/", "127.0.0.1", False),
        ("[::1", "::1", False),
        ("", "127.0.0.1", False),
        (":8080", "127.0.0.1", False),
        ("127.0.0.1", "", False),
    ],
)
def test_hosts(host, local, known):
    assert admission(names=["cam.lan"]).knows_host(host, local) is known


@pytest.mark.parametrize(
    ("origin", "host", "known"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("https://CAM.lan", "cam.lan", True),
        ("http://127.0.0.1:3000", "127.0.0.1:8080", False),
        ("http://localhost:8080", "127.0.0.1:8080", False),
        ("http://evil.example", "127.0.0.1:8080", False),
        ("ftp://127.0.0.1:8080", "127.0.0.1:8080", False),
        ("http://", "", False),
        ("null", "null", False),
        (None, "127.0.0.1:8080", False),
    ],
)
def test_origins(origin, host, known):
    assert admission().knows_origin(origin, host) is known


def test_tokens():
    assert admission().knows_token(None)
    guarded = admission("0.0.0.0", token=TOKEN)  # noqa: S104 nothing listens
    assert guarded.knows_token(TOKEN)
    for wrong in (None, "", TOKEN[:-1], TOKEN + "x", "ü", "\ud800"):
        assert not guarded.knows_token(wrong)


def test_metrics_are_for_this_machine_and_who_has_the_token():
    guarded = admission(token=TOKEN)
    assert guarded.may_ask("127.0.0.1", None)
    assert guarded.may_ask("192.0.2.7", f"Bearer {TOKEN}")
    for wrong in (None, "", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN):
        assert not guarded.may_ask("192.0.2.7", wrong)


def test_no_camera_in_the_clear_over_a_network():
    assert admission().may_be_camera("127.0.0.1")
    assert admission().may_be_camera("::1")
    assert not admission().may_be_camera("192.0.2.7")
    assert not admission().may_be_camera("")
    assert admission(is_private=True).may_be_camera("192.0.2.7")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"listen": "0.0.0.0"}, "others than this machine can reach 0.0.0.0"),  # noqa: S104
        ({"listen": "::"}, "--token-file"),
        ({"token": "short"}, "16 to 256 characters"),
        ({"token": "x" * 257}, "16 to 256 characters"),
        ({"names": ["http://cam.lan"]}, "without scheme and port"),
        ({"names": ["cam.lan:8080"]}, "without scheme and port"),
        ({"names": ["*"]}, "is no name of a host"),
        ({"names": [""]}, "is no name of a host"),
    ],
    ids=str,
)
def test_what_would_let_anybody_in_is_refused(settings, said):
    with pytest.raises(UsageError, match=said.replace("*", r"\*")):
        admission(**settings)


def count(pace, times):
    for _ in range(times):
        pace.count()


def test_a_pace_is_kept_for_ever_and_left_at_once():
    clock = HandClock()
    pace = Pace(60, "pictures", clock)
    for _ in range(10_000):  # a camera whose clock is 4 % fast
        clock.turn(1 / 62.4)
        pace.count()
    with pytest.raises(WireError, match="more than 60 pictures a second") as caught:
        count(pace, 121)
    assert caught.value.code == 1008
    clock.turn(100)
    count(pace, 119)  # no more is saved up than two seconds'
    with pytest.raises(WireError):
        count(pace, 2)
