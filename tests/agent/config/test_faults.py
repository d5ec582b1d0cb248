"""What is wrong is said in a line, with the file, the line, the key, and what to do."""

import pytest

from agent.errors import UsageError

HEAD = "model: person.sfm\ntrust: office.pub\n"
DOOR = f"{HEAD}streams:\n  door:\n    source: rtsp://h/1\n"


def said(loaded, text):
    with pytest.raises(UsageError) as caught:
        loaded(text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"{DOOR}    efect: blur\n", 6, "streams.door.efect: there is no such key; did you mean 'effect'?"),
        (f"{DOOR}    hide: {{efect: blur}}\n", 6, "streams.door.hide.efect: there is no such key; did you mean 'effect'?"),
        (f"{DOOR}telemetri: {{}}\n", 6, "telemetri: there is no such key; did you mean 'telemetry'?"),
        (f"{DOOR}record: {{keep: {{byte: 1}}}}\n", 6, "record.keep.byte: there is no such key; did you mean 'bytes'?"),
        (f"{DOOR}floor: {{zzz: 1}}\n", 6, "floor.zzz: there is no such key; there are effect"),
        (f"{DOOR}effect: blur\n", 6, "effect: is a stream's; did you mean 'defaults.effect'?"),
        (f"{DOOR}defaults: {{efect: blur}}\n", 6, "defaults.efect: there is no such key; did you mean 'effect'?"),
        (f"{DOOR}    every: 0\n", 6, "streams.door.every: 0: must be a number from 1 (every frame) to 30, or auto"),
        (f"{DOOR}    look:\n      every: often\n", 7, "streams.door.look.every: 'often': should be a whole number or 'auto'"),
        (f"{DOOR}    every: yes\n", 6, "streams.door.every: 'yes': should be a whole number or 'auto'"),
        (f"{DOOR}    every: true\n", 6, "streams.door.every: True: should be a whole number or 'auto'"),
        (f"{DOOR}    crf: '23'\n", 6, "streams.door.crf: '23': should be a whole number"),
        (f"{DOOR}    conf: 1e999\n", 6, "streams.door.conf: inf: should be a finite number"),
        (f"{DOOR}    preset: {'z' * 5000}\n", 6, f"streams.door.preset: '{'z' * 59}...: String should match pattern '^[a-z]{{4,16}}$'"),
        (f"{DOOR}    margin: {'9' * 5000}\n", 6, "streams.door.margin: inf: should be a finite number"),
        (f"{DOOR}    effect: blr\n", 6, "streams.door.effect: 'blr': unknown effect 'blr': choose auto, blur, pixelate, solid or solid:RRGGBB (six hex digits, as in solid:ff00ff)"),
        (f"{DOOR}    gop_s: 5\n", 6, "streams.door.gop_s: 5: should be less than or equal to 2"),
        (f"{DOOR}    file: out.avi\n", 6, "streams.door.file: 'out.avi': should end in one of .mp4 .m4v .mov"),
        (f"{DOOR}    hide: solid\n", 6, "streams.door.hide: 'solid': should be a section of `key: value` lines"),
        (f"{DOOR}    hide: solid\n    margin: 0.1\n", 6, "streams.door.hide: 'solid': should be a section of `key: value` lines"),
        (f"{DOOR}    classes: {{a: 1}}\n", 6, "streams.door.classes: should be a list, as in [a, b]"),
        (f"{DOOR}    classes: [1]\n", 6, "streams.door.classes.0: 1: should be a text; put it in quotes"),
        (f"{DOOR}    classes: 'a,\"b'\n", 6, "streams.door.classes: can't tell the names in 'a,\"b'; write them like car,\"cup, paper\""),
        (f"{DOOR}    transport: udp\n", 6, "streams.door.transport: 'udp': should be 'tcp'"),
        (f"{DOOR}    paused: no\n", 6, "streams.door.paused: 'no': should be true or false"),
        (f"{DOOR}    effect: solid\n    hide: {{effect: solid}}\n", 7, "streams.door.hide.effect: stands as streams.door.effect in line 6, too"),
        (f"{DOOR}    url: rtsp://h/2\n", 6, "streams.door.url: there is no such key; there are source, sink, hide, look, paused, open_timeout_s, stall_s, transport and 19 more"),
        (f"{HEAD}streams:\n  Front Door: rtsp://h/1\n", 4, "streams.Front Door: should be made of a-z, 0-9 and -, at most 64 of them"),
        (f"{HEAD}streams:\n  door:\n", 4, "streams.door.source: has to be given"),
        (f"{HEAD}streams:\n  door:\n    source: {{loop: true}}\n", 5, "streams.door.source.url: has to be given"),
        (f"{HEAD}streams:\n  door: http://h/1\n", 4, "streams.door: should be rtsp://, rtsps://, a device such as /dev/video0, or a file"),
        (f"{HEAD}streams:\n", 3, "streams: should have at least one"),
        (f"{HEAD}streams: [a]\n", 3, "streams: should be a section of `key: value` lines"),
        (HEAD, 1, "streams: has to be given"),
        ("streams: {a: /dev/video0}\n", 1, "model: has to be given"),
        (f"{DOOR}defaults: 5\n", 6, "defaults: should be a section of `key: value` lines"),
        (f"{DOOR}device: Gate 7\n", 6, "device: 'Gate 7': should be made of a-z, 0-9 and -, at most 64 of them"),
        (f"{DOOR}device: groups\n", 6, "device: 'groups': is reserved; give the device another name"),
        (f"{DOOR}device: 7\n", 6, "device: 7: should be a text; put it in quotes"),
        (f"{DOOR}record: {{keep: {{bytes: 50G}}}}\n", 6, "record.keep.bytes: '50G': should be a size, such as 50GiB, 500MB or a number of bytes"),
        (f"{DOOR}record: {{keep: {{bytes: 0}}}}\n", 6, "record.keep.bytes: 0: should be at least one byte"),
        (f"{DOOR}telemetry: {{prometheus: 9464}}\n", 6, "telemetry.prometheus: 9464: should be a text; put it in quotes"),
        (f"{DOOR}telemetry: {{prometheus: localhost}}\n", 6, "telemetry.prometheus: 'localhost': should be HOST:PORT, such as 127.0.0.1:9464"),
        (f"{DOOR}telemetry: {{prometheus: '[::1]:70000'}}\n", 6, "telemetry.prometheus: '[::1]:70000': should be HOST:PORT, such as 127.0.0.1:9464"),
        ("model: person.sfm\nstreams: {a: /dev/video0}\n", 1, "model.trust: has to be given: the key that signed the bundle; or, for tests, allow_unsigned: true"),
        ("model: {bundle: p.sfm, trust: []}\nstreams: {a: /dev/video0}\n", 1, "model.trust: has to be given: the key that signed the bundle; or, for tests, allow_unsigned: true"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(loaded, tmp_path, text, line, message):
    assert said(loaded, text) == [f"{tmp_path}/agent.yaml:{line}: {message}"]


def test_a_bad_name_and_a_bad_url_in_one_line_are_two_faults(loaded):
    name, url = said(loaded, f"{HEAD}streams:\n  Door: http://h/1\n")
    assert "should be made of a-z" in name
    assert "rtsp" not in name
    assert "should be rtsp://" in url


@pytest.mark.parametrize(
    ("update", "key", "word"),
    [
        ("{root: r.json}", "repository", "has to be given"),
        ("{repository: 'https://models.example/'}", "root", "has to be given"),
        ("{repository: 'ftp://models.example/', root: r.json}", "repository", "should be an addr"),
        ("{repository: 'https://u:p@models.example/', root: r.json}", "repository", "should be an"),
        ("{repository: 'https://models.example/', root: r.json, window: 1-2}", "window", "1-2"),
        ("{repository: 'https://m/', root: r.json, probation_s: 0}", "probation_s", "greater than"),
    ],
)
def test_where_models_come_from_has_to_be_right(loaded, update, key, word):
    (line,) = said(loaded, f"{DOOR}update: {update}\n")
    assert f"agent.yaml:6: update.{key}: " in line
    assert word in line


def test_without_a_bundle_models_have_to_come_from_somewhere(loaded):
    (line,) = said(loaded, "model: {trust: k.pub}\nstreams: {a: rtsp://h/1}\n")
    assert line.endswith(
        "model.bundle: has to be given, or a section update, by which models come over the air"
    )
    update = "update: {repository: 'http://10.0.0.2:8000/models', root: root.json}\n"
    config = loaded(f"model: {{trust: k.pub}}\nstreams: {{a: rtsp://h/1}}\n{update}").config
    assert config.model.bundle is None
    assert config.update.repository == "http://10.0.0.2:8000/models/"
    assert config.update.root.name == "root.json"


@pytest.mark.parametrize(
    ("floor", "effect", "allowed"),
    [
        *((weak, effect, True) for weak in ("blur", "pixelate") for effect in ("blur", "pixelate")),
        *((weak, effect, True) for weak in ("blur", "pixelate") for effect in ("auto", "solid")),
        *(("auto", effect, False) for effect in ("blur", "pixelate")),
        *(("auto", effect, True) for effect in ("auto", "solid:00ff00")),
        *(("solid", effect, False) for effect in ("blur", "pixelate", "auto")),
        ("solid", "solid:00ff00", True),
    ],
)
def test_no_stream_hides_less_than_the_floor(loaded, floor, effect, allowed):
    text = f"{DOOR}    effect: {effect}\nfloor: {{effect: {floor}}}\n"
    if allowed:
        assert loaded(text).config.floor.effect == floor
    else:
        (line,) = said(loaded, text)
        assert (
            f"agent.yaml:6: streams.door.effect: '{effect}' is weaker than floor.effect, '{floor}'"
            in line
        )


def test_the_floor_holds_for_what_is_built_in_and_for_defaults(loaded):
    (line,) = said(loaded, f"{DOOR}floor: {{effect: solid}}\n")
    assert "agent.yaml:4: streams.door.hide.effect: 'auto' is weaker" in line
    (line,) = said(
        loaded, f"{DOOR}  b: rtsp://h/2\ndefaults: {{effect: blur}}\nfloor: {{effect: auto}}\n"
    )
    assert "agent.yaml:7: defaults.effect: 'blur' is weaker" in line


@pytest.mark.parametrize(
    ("streams", "line", "message"),
    [
        ("  a: {source: rtsp://h/1, file: x.mp4}\n  b: {source: rtsp://h/2, file: ./x.mp4}\n", 5, "stream a writes to this file, too"),
        ("  a: {source: x.mp4, file: x.mp4}\n", 4, "stream a reads from this file"),
        ("  a: {source: x.mp4}\n  b: {source: rtsp://h/2, file: x.mp4}\n", 5, "stream a reads from this file"),
        ("  a: {source: rtsp://h/1, file: video/a/x.mp4}\nrecord: {dir: video}\n", 4, "lies in record.dir, where old files are deleted"),
    ],
)  # fmt: skip
def test_a_file_that_is_written_has_no_other_use(loaded, streams, line, message):
    (only,) = said(loaded, f"{HEAD}streams:\n{streams}")
    assert f"agent.yaml:{line}: streams." in only
    assert only.endswith(f".file: {message}")


def test_all_faults_are_said_at_once_in_the_order_of_the_file(loaded):
    lines = said(
        loaded,
        "mode: person.sfm\n"
        "streams:\n"
        "  door: {source: rtsp://h/1, every: 0, crf: 99}\n"
        "  yard: {source: rtsp://u:hunter12@h/1}\n"
        "update: {}\n"
        "floor: {effect: none}\n",
    )
    assert [line.split("agent.yaml:")[1].split(": ")[:2] for line in lines] == [
        ["1", "mode"],
        ["1", "model"],
        ["3", "streams.door.crf"],
        ["3", "streams.door.every"],
        ["4", "streams.yard.source"],
        ["5", "update.repository"],
        ["5", "update.root"],
        ["6", "floor.effect"],
    ]


def test_ten_lines_are_enough(loaded):
    lines = said(loaded, DOOR + "".join(f"x{n}: 1\n" for n in range(15)))
    assert len(lines) == 11
    assert lines[9].split(": ")[1] == "x9"
    assert lines[10].endswith("agent.yaml: and 5 more")


def test_a_fault_of_defaults_is_said_once_for_all_streams(loaded):
    lines = said(loaded, f"{DOOR}  b: rtsp://h/2\n  c: rtsp://h/3\ndefaults: {{crf: 99}}\n")
    assert len(lines) == 1
    assert "agent.yaml:8: defaults.crf: 99: " in lines[0]


@pytest.mark.parametrize(
    "stream",
    [
        "rtsp://admin:hunter12@h/1",
        "rtsp://admin:hunt@er12@h/1",
        "rtsp://admin:hun/hunter12@h/1",
        "rtsp://admin:554/hunter12@h/1",
        "rtsp://admin:554?hunter12@h/1",
        "rtsp://admin:554#hunter12@h/1",
        "rtsp://:hunter12@h/1",
        "rtsp://${env:USER}:hunter12@h/1",
        "rtsp://h/user=admin&password=hunter12&channel=1",
        "rtsp://h/1?user=admin&PWD=hunter12",
        "http://admin:hunter12@h/1",
        "rtsp://admin:hunter12@h:99999/1",
        "rtsp://admin:hunter12@[h/1",
        "{source: 'rtsp://admin:hunter12@h/1', every: 0}",
        "{sorce: 'rtsp://admin:hunter12@h/1'}",
        "{source: ['rtsp://admin:hunter12@h/1']}",
        "{source: {url: 'rtsp://admin:hunter12@h/1'}}",
        "{source: 'rtsp://h/1', 'rtsp://admin:hunter12@h/1': 1}",
        "{source: 'rtsp://h/1', effect: 'rtsp://admin:hunter12@h/1'}",
        "{'rtsp://admin:hunter12@h/1': 1, 'rtsp://admin:hunter12@h/1': 2}",
    ],
)
def test_a_password_in_the_file_is_refused_and_not_shown(loaded, stream):
    lines = said(loaded, f"{HEAD}streams:\n  door: {stream}\n")
    assert lines
    assert not any("hunter12" in line or "er12" in line for line in lines)
    assert all("agent.yaml:4: streams.door" in line for line in lines)


def test_what_to_do_with_a_password_is_said(loaded):
    (line,) = said(loaded, f"{HEAD}streams:\n  door: rtsp://admin:hunter12@h/1\n")
    assert "a password doesn't stand in the file" in line
    assert "${credential:NAME}" in line
    assert "${env:NAME}" in line


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin@h/1",
        "rtsp://h:554/1?channel=1",
        "rtsp://[::1]/a",
        "rtsps://h/user=a&password=",
    ],
)
def test_an_address_without_a_password_is_read(loaded, url):
    assert loaded(f"{HEAD}streams:\n  door: {url}\n").config.streams["door"].source.url == url


@pytest.mark.parametrize(
    "template",
    ["${vault:x}", "${PW}", "${env:}", "${credential:../x}", "${env:PW", "${credential:.x}"],
)
def test_only_two_kinds_of_secrets_are_known(loaded, template):
    (line,) = said(loaded, f"{HEAD}streams:\n  door: 'rtsp://u:{template}@h/1'\n")
    assert line.endswith("${ begins a secret: ${credential:NAME} or ${env:NAME}, nothing else")


@pytest.mark.parametrize(
    "place", ["device: ", "record: {dir: '", "defaults: {file: '", "defaults: {effect: '"]
)
def test_secrets_stand_in_addresses_only(loaded, place):
    closing = "'}" if "{" in place else ""
    lines = said(loaded, f"{DOOR}{place}${{env:PW}}{closing}\n")
    assert any(
        "a secret, ${...}, stands in a source's URL, mqtt.key or mqtt.password, and nowhere else"
        in line
        for line in lines
    )
    assert all("agent.yaml:6: " in line for line in lines)
