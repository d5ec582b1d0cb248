"""Secrets are read when they are used, and stand in no text that people read."""

import threading

import pytest

from agent.config.secrets import Secrets
from agent.errors import UsageError


@pytest.fixture
def credentials(tmp_path):
    """A folder like systemd's, with what a test writes into it."""

    def credentials(**values):
        for name, value in values.items():
            (tmp_path / name).write_bytes(value if isinstance(value, bytes) else value.encode())
        return Secrets({"USER": "viewer", "EMPTY": "", "LINES": "a\nb"}, tmp_path)

    return credentials


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_template_is_filled_in(credentials, ending):
    secrets = credentials(door=f"s3cret{ending}")
    assert (
        secrets.fill("rtsp://${env:USER}:${credential:door}@10.0.0.5/stream1")
        == "rtsp://viewer:s3cret@10.0.0.5/stream1"
    )


def test_what_holds_no_secret_is_left_as_it_is(credentials):
    for url in ("rtsp://h/1", "/dev/video0", "clip.mp4", "rtsp://viewer@h/1"):
        assert credentials().fill(url) == url


def test_where_pictures_are_sent_has_other_schemes(credentials):
    secrets = credentials(door="p@ss/word")
    assert (
        secrets.filled("rtmp://u:${credential:door}@10.0.0.5/app/${env:USER}")
        == "rtmp://u:p%40ss%2Fword@10.0.0.5/app/viewer"
    )
    assert "p@ss" not in secrets.hide("it was p@ss/word")
    with pytest.raises(UsageError, match="should be rtsp"):
        secrets.fill("rtmp://10.0.0.5/app/${credential:door}")


def test_values_are_percent_encoded_before_the_at_and_nowhere_else(credentials):
    secrets = credentials(door="p@ss/w:rd#?%&é ", host="[::1]:554")
    assert (
        secrets.fill("rtsp://u:${credential:door}@${credential:host}/a?b=${env:USER}")
        == "rtsp://u:p%40ss%2Fw%3Ard%23%3F%25%26%C3%A9%20@[::1]:554/a?b=viewer"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("${env:NONE}", r"^\$\{env:NONE\}: the environment has no NONE$"),
        ("${env:EMPTY}", "it is empty"),
        ("${env:LINES}", "more than one line"),
        ("${credential:none}", r"can't read .*/none \(No such file or directory\); LoadCredential=none:FILE"),
        ("${credential:empty}", "it is empty"),
        ("${credential:lines}", "more than one line"),
        ("${credential:bytes}", "bytes is no text"),
        ("${credential:large}", "large is larger than 65536 bytes"),
    ],
)  # fmt: skip
def test_a_secret_that_can_not_be_used_is_named(credentials, template, message):
    secrets = credentials(empty="\n", lines="a\nb\n", bytes=b"\xff", large="x" * 65537)
    with pytest.raises(UsageError, match=message) as caught:
        secrets.fill(f"rtsp://u:{template}@h/1")
    assert "\n" not in str(caught.value)


def test_without_systemd_it_is_said_what_gives_credentials():
    with pytest.raises(
        UsageError, match=r"\$CREDENTIALS_DIRECTORY is not set; LoadCredential=door"
    ):
        Secrets({}, None).fill("rtsp://u:${credential:door}@h/1")


def test_a_value_is_hidden_however_it_stands_there(credentials):
    secrets = credentials(door="p@ss'\\w")
    url = secrets.fill("rtsp://u:${credential:door}@h/1")
    for text in (
        f"opening {url} failed",
        "401 for user u, password p@ss'\\w",
        "rtsp://u:p%40ss%27%5Cw@h/1",
        "p%40ss%27%5Cw",
        repr(("p@ss'\\w", url)),
    ):
        hidden = secrets.hide(text)
        assert "***" in hidden
        assert "ss" not in hidden.replace("password", "")


def test_nothing_is_hidden_that_was_not_filled_in(credentials):
    secrets = credentials(door="s3cret")
    assert secrets.hide("s3cret") == "s3cret"
    secrets.fill("rtsp://u:${credential:door}@h/1")
    assert secrets.hide("a s3cret, s3cre") == "a ***, s3cre"


def test_a_value_that_is_a_part_of_another_leaves_nothing_of_it(credentials):
    secrets = credentials(a="blue", b="bluebird")
    secrets.fill("rtsp://${credential:a}:${credential:b}@h/1")
    assert secrets.hide("blue bluebird") == "*** ***"


def test_a_short_password_blanks_no_log_and_is_hidden_in_addresses(credentials):
    secrets = credentials(door="1")
    url = secrets.fill("rtsp://admin:${credential:door}@10.0.0.1/ch1")
    assert secrets.hide(f"{url}: 11 frames") == "rtsp://***@10.0.0.1/ch1: 11 frames"


def test_the_password_of_an_address_that_is_a_secret_as_a_whole_is_hidden_alone(credentials):
    secrets = credentials(camera="rtsp://u:p%40ssword@h/1")
    assert secrets.fill("${credential:camera}") == "rtsp://u:p%40ssword@h/1"
    assert secrets.hide("p@ssword p%40ssword") == "*** ***"


def test_passwords_in_any_address_are_hidden():
    hide = Secrets({}, None).hide
    assert hide("from rtsp://a:b@c@h/1, x@y") == "from rtsp://***@h/1, x@y"
    assert hide("rtsp://h/user=a&password=xy&c=1") == "rtsp://h/user=a&password=***&c=1"
    assert hide("password=xy") == "password=xy"


def test_a_changed_secret_is_read_anew_and_the_old_one_stays_hidden(credentials):
    secrets = credentials(door="first")
    secrets.fill("rtsp://u:${credential:door}@h/1")
    credentials(door="second")
    assert secrets.fill("rtsp://u:${credential:door}@h/1") == "rtsp://u:second@h/1"
    assert secrets.hide("first second") == "*** ***"


def test_many_threads_forget_no_secret():
    environment = {f"S{n}": f"value-{n}." for n in range(64)}
    secrets = Secrets(environment, None)
    start = threading.Barrier(8)

    def fill(first):
        start.wait(30)
        for n in range(first, 64, 8):
            secrets.fill(f"rtsp://u:${{env:S{n}}}@h/1")

    threads = [threading.Thread(target=fill, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for value in environment.values():
        assert secrets.hide(value) == "***"


def test_those_of_a_process_are_its_own(monkeypatch, tmp_path):
    (tmp_path / "door").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CAMERA_USER", "viewer")
    url = "rtsp://${env:CAMERA_USER}:${credential:door}@h/1"
    assert Secrets.of_process().fill(url) == "rtsp://viewer:s3cret@h/1"
