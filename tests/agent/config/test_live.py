"""A page for browsers is off until it is asked for, and is let nobody in unasked."""

import pytest

from agent.config.live import LiveConfig
from agent.errors import UsageError

DOOR = "model: person.sfm\ntrust: office.pub\nstreams:\n  door:\n    source: rtsp://h/1\n"


@pytest.mark.parametrize("text", ["", "live:\n", "live: null\n"])
def test_there_is_none_unless_it_is_asked_for(loaded, text):
    assert loaded(DOOR + text).config.live is None


def test_it_is_for_this_machine_unless_it_says_otherwise(loaded):
    live = loaded(f"{DOOR}live: {{}}\n").config.live
    assert live == LiveConfig()
    assert live.listen == "127.0.0.1:8080"
    assert live.is_of_this_machine


def test_files_lie_beside_the_configuration(loaded, tmp_path):
    text = (
        "live: {listen: '[::]:8443', hosts: [cam.example, 10.0.0.5, 'fd00::1'], token_file: token,"
        " tls_cert: c.pem, tls_key: k.pem}\n"
    )
    live = loaded(DOOR + text).config.live
    assert not live.is_of_this_machine
    assert live.hosts == ("cam.example", "10.0.0.5", "fd00::1")
    names = ("token", "c.pem", "k.pem")
    assert (live.token_file, live.tls_cert, live.tls_key) == tuple(tmp_path / n for n in names)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("live: {listen: '0.0.0.0:80'}", 6, "live.token_file: has to be given: others than this machine can reach 0.0.0.0:80"),
        ("live: {listen: '[::]:80'}", 6, "live.token_file: has to be given: others than this machine can reach [::]:80"),
        ("live: {listen: 'localhost:80'}", 6, "live.listen: 'localhost:80': should be IP:PORT of this machine, such as 127.0.0.1:8080"),
        ("live: {listen: '127.0.0.1:70000'}", 6, "live.listen: '127.0.0.1:70000': should be IP:PORT of this machine, such as 127.0.0.1:8080"),
        ("live: {hosts: ['https://cam']}", 6, "live.hosts.0: 'https://cam': should be a host's name alone, such as cam.example, without scheme and port"),
        ("live: {hosts: ['cam:80']}", 6, "live.hosts.0: 'cam:80': should be a host's name alone, such as cam.example, without scheme and port"),
        ("live: {tls_cert: c}", 6, "live.tls_key: has to be given: the key that live.tls_cert belongs to"),
        ("live: {tls_key: c}", 6, "live.tls_cert: has to be given: the certificate that live.tls_key belongs to"),
        ("    codec: hevc\nlive: {}", 6, "streams.door.codec: hevc can't be shown in browsers; h264 can, or leave live out"),
        ("defaults: {codec: hevc}\nlive: {}", 6, "defaults.codec: hevc can't be shown in browsers; h264 can, or leave live out"),
        ("    encoder: gstreamer\nlive: {}", 6, "streams.door.encoder: gives pictures out late; where live is on, auto and pyav are for its pictures"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_said_in_a_line(loaded, text, line, message):
    with pytest.raises(UsageError) as caught:
        loaded(f"{DOOR}{text}\n")
    (said,) = str(caught.value).splitlines()
    assert said.split("agent.yaml")[-1] == f":{line}: {message}"


def test_without_it_any_codec_is_recorded(loaded):
    text = f"{DOOR}    codec: hevc\n    encoder: gstreamer\n"
    assert loaded(text).config.streams["door"].sink.codec == "hevc"
