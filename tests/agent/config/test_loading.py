"""A file becomes a tree: short forms, defaults, relative paths, and where each value came from."""

from pathlib import Path

import pytest

from agent.config.origin import Origin
from agent.config.tree import AgentConfig, leaves
from agent.errors import UsageError
from agent.settings import Hiding, Looking

PREFIX = "model: person.sfm\ntrust: office.pub\nstreams:\n"


def test_four_lines_are_a_whole_configuration(loaded, four_lines, tmp_path, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config = loaded(four_lines).config
    assert config.model.bundle == tmp_path / "person.sfm"
    assert config.model.trust == (tmp_path / "office.pub",)
    assert config.record.dir == Path("/var/lib/sfumato/video")
    assert config.record.keep.model_dump() == {"bytes": 50 << 30, "days": 7, "free": 2 << 30}
    door = config.streams["door"]
    assert door.source.url == "rtsp://10.0.0.5/stream1"
    assert (door.hide, door.look) == (Hiding(), Looking())
    assert door.sink.record
    assert door.sink.file is None
    assert not door.paused


def test_recordings_lie_in_the_folder_that_systemd_made(loaded, four_lines, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/cam:/var/lib/other")
    assert loaded(four_lines).config.record.dir == Path("/var/lib/private/cam/video")


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("  a: rtsp://h/1", "  a: {source: {url: rtsp://h/1}}"),
        ("  a: {source: rtsp://h/1}", "  a: {source: {url: rtsp://h/1}}"),
        (
            "  a: {source: rtsp://h/1, effect: solid, every: 2, crf: 30, stall_s: 4}",
            "  a: {source: {url: rtsp://h/1, stall_s: 4}, hide: {effect: solid}, look: {every: 2}, sink: {crf: 30}}",
        ),
        (
            "  a: {source: rtsp://h/1, hide: {margin: 0.1}, effect: solid}",
            "  a: {source: rtsp://h/1, hide: {margin: 0.1, effect: solid}}",
        ),
        (
            "  a: {source: rtsp://h/1, classes: 'car, \"cup, paper\"'}",
            '  a: {source: rtsp://h/1, classes: [car, "cup, paper"]}',
        ),
        (
            "  a: rtsp://h/1\n  b: {source: rtsp://h/2, effect: blur}\ndefaults: {effect: solid, look: {every: auto}}",
            "  a: {source: rtsp://h/1, effect: solid, every: auto}\n  b: {source: rtsp://h/2, effect: blur, every: auto}",
        ),
        ("  a: rtsp://h/1\ndefaults:\nrecord:\nlimits:", "  a: rtsp://h/1"),
        ("  a: &x {source: rtsp://h/1}\n  b: *x", "  a: rtsp://h/1\n  b: rtsp://h/1"),
    ],
)  # fmt: skip
def test_a_short_form_is_the_full_one(loaded, short, full):
    assert loaded(PREFIX + short).config == loaded(PREFIX + full).config


def test_the_model_may_be_said_in_full(loaded, four_lines):
    full = four_lines.replace(
        "model: person.sfm\ntrust: office.pub", "model: {bundle: person.sfm, trust: [office.pub]}"
    )
    assert full != four_lines
    assert loaded(full).config == loaded(four_lines).config


def test_relative_paths_are_beside_the_file(loaded, tmp_path):
    config = loaded(
        "model: {bundle: ../m.sfm, trust: [keys/a.pub, /etc/b.pub]}\n"
        "streams:\n  a: {source: clip.mp4, file: out/a.mp4}\n  b: /dev/video0\n"
        "record: {dir: video}\n"
    ).config
    assert config.model.bundle == tmp_path.parent / "m.sfm"
    assert config.model.trust == (tmp_path / "keys/a.pub", Path("/etc/b.pub"))
    assert config.streams["a"].source.url == str(tmp_path / "clip.mp4")
    assert config.streams["a"].sink.file == tmp_path / "out/a.mp4"
    assert config.streams["b"].source.url == "/dev/video0"
    assert config.record.dir == tmp_path / "video"


def test_sizes_have_units(loaded, four_lines):
    config = loaded(
        f"{four_lines}record: {{keep: {{bytes: 500MB, days: null, free: 1024}}}}\n"
        "limits: {memory: 1.5 GiB}\n"
    ).config
    assert config.record.keep.model_dump() == {"bytes": 500_000_000, "days": None, "free": 1024}
    assert config.limits.memory == 3 << 29


def test_words_are_words(loaded):
    """YAML 1.1 would read a truth, a number of seconds, and nothing."""
    config = loaded(
        "model: person.sfm\ntrust: office.pub\n"
        "streams:\n  on: rtsp://h/1\n  7: rtsp://h/2\n  null: {source: rtsp://h/3, classes: [no, 2:30]}\n"
        "defaults: {conf: 1e-3}\n"
    ).config
    assert list(config.streams) == ["on", "7", "null"]
    assert config.streams["null"].hide.classes == ("no", "2:30")
    assert config.streams["7"].hide.conf == 0.001


def test_every_value_says_where_it_came_from(loaded):
    origins = loaded(
        "model: {bundle: p.sfm, trust: k.pub}\n"
        "defaults:\n"
        "  effect: solid\n"
        "  look: {every: 3}\n"
        "streams:\n"
        "  a: rtsp://h/1\n"
        "  b:\n"
        "    source: rtsp://h/2\n"
        "    every: 4\n"
        "    classes:\n"
        "      - person\n"
    ).origins
    assert origins["streams.a.source.url"] == Origin("file", 6)
    assert origins["streams.b.source.url"] == Origin("file", 8)
    assert origins["streams.a.hide.effect"] == Origin("defaults", 3)
    assert origins["streams.a.look.every"] == Origin("defaults", 4)
    assert origins["streams.b.look.every"] == Origin("file", 9)
    assert origins["streams.b.hide.classes"] == Origin("file", 10)
    assert origins["streams.a.hide.classes"] == Origin("default")
    assert origins["model.trust"] == Origin("file", 1)
    assert origins["record.keep.bytes"] == Origin("default")
    assert [str(origins[key]) for key in ("model.trust", "streams.a.look.every", "device")] == [
        "file line 1",
        "defaults section, line 4",
        "default",
    ]


def test_no_value_is_without_an_origin(loaded, four_lines):
    loaded = loaded(four_lines)
    assert set(loaded.origins) == {".".join(path) for path, _ in leaves(loaded.config)}
    assert len(loaded.origins) > 30


def test_the_tree_keeps_the_template_and_not_the_secret(loaded, four_lines):
    url = "rtsp://viewer:${env:PW}@10.0.0.5/stream1"
    text = four_lines.replace("rtsp://10.0.0.5/stream1", url)
    config = loaded(text, PW="s3cret/x").config
    assert config.streams["door"].source.url == url
    assert "s3cret" not in repr(config)


def test_a_secret_that_is_missing_is_named_with_its_line(loaded, four_lines):
    text = four_lines.replace("10.0.0.5", "u:${env:PW}@10.0.0.5")
    with pytest.raises(UsageError, match=r"agent\.yaml:4: streams\.door: .* has no PW$"):
        loaded(text)


def test_whole_address_from_a_secret_has_to_be_one_that_can_be_opened(loaded, four_lines):
    text = four_lines.replace("rtsp://10.0.0.5/stream1", "${env:CAMERA}")
    assert (
        loaded(text, CAMERA="rtsp://u:p@h/1").config.streams["door"].source.url == "${env:CAMERA}"
    )
    assert loaded(text, CAMERA="/dev/video1")
    for wrong in ("http://u:hunter2@h/1", "rtsp://u:hunter2@h:0/", "hunter2.mp4"):
        with pytest.raises(UsageError, match=r"agent\.yaml:4: streams\.door: ") as caught:
            loaded(text, CAMERA=wrong)
        assert "hunter2" not in str(caught.value)


def test_settings_do_not_change(loaded, four_lines):
    config = loaded(four_lines).config
    assert isinstance(config, AgentConfig)
    with pytest.raises(ValueError, match="frozen"):
        config.device = "other"
