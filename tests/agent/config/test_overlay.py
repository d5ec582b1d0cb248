"""What is sent from afar replaces whole sections, and never makes a device hide less."""

import json
import math

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agent.config.listing import listing
from agent.config.origin import Origin
from agent.config.overlay import UnfitError, overlaid, overridden

DOOR = "rtsp://viewer:${env:PW}@10.0.0.5/stream1"
LOCAL = f"""\
model: person.sfm
trust: office.pub
floor: {{effect: pixelate}}
defaults: {{classes: [person], conf: 0.4, margin: 0.1}}
streams:
  door:
    source: {DOOR}
    classes: [person, car]
    conf: 0.3
    shape: box
    margin: 0.2
    file: door.mp4
  yard: {{source: /dev/video0, classes: [], conf: null}}
  hall: {{source: rtsp://10.0.0.6/1, conf: 0.2}}
  test: clip.mp4
telemetry: {{prometheus: 127.0.0.1:9000}}
"""
HIDE = {"classes": ["person", "car"], "conf": 0.3, "shape": "box", "margin": 0.2}
"""As the file's `door` has it."""


@pytest.fixture
def local(loaded):
    return loaded(LOCAL, PW="s3cret")


def sent(local, **sections):
    """What comes of sections that came as JSON."""
    return overlaid(local, json.loads(json.dumps(sections)))


def errors_of(local, **sections):
    with pytest.raises(UnfitError) as caught:
        overlaid(local, sections)
    return caught.value.errors


def test_a_section_is_replaced_whole(local):
    both = sent(local, streams={"hall": {"source": "rtsp://10.0.0.6/1", "conf": 0.1, "every": 2}})
    assert list(both.config.streams) == ["hall"]
    assert both.config.streams["hall"].look.every == 2
    assert both.config.telemetry == local.config.telemetry
    only = sent(local, telemetry={"interval_s": 30, "prometheus": None})
    assert only.config.streams == local.config.streams
    assert (only.config.telemetry.interval_s, only.config.telemetry.prometheus) == (30, None)


def test_nothing_sent_changes_nothing(local):
    assert sent(local) == local


def test_short_forms_and_the_files_defaults_hold(local):
    both = sent(local, streams={"new": "rtsp://10.0.0.9/1"})
    new = both.config.streams["new"]
    assert new.source.url == "rtsp://10.0.0.9/1"
    assert (new.hide.classes, new.hide.conf, new.hide.margin) == (("person",), 0.4, 0.1)


def test_every_value_says_that_it_came_from_afar(local):
    """Facts, line 13: nobody wonders where a setting lives."""
    new = {"source": "rtsp://10.0.0.9/1", "look": {"every": 2}}
    both = sent(local, streams={"new": new})
    assert both.origins["streams.new.source.url"] == Origin("remote")
    assert both.origins["streams.new.look.every"] == Origin("remote")
    assert both.origins["streams.new.hide.margin"] == Origin("defaults", 4)
    assert both.origins["streams.new.look.latency"] == Origin("default")
    assert both.origins["telemetry.prometheus"] == Origin("file", 16)
    shown = listing(both.config, both.origins)
    assert shown.count("  # remote\n") == 2


def test_what_the_file_says_itself_may_be_sent(local):
    """As `ctl config get` shows it, in full."""
    sections = local.config.model_dump(mode="json", include={"streams", "telemetry"})
    assert sent(local, **sections).config == local.config


def test_two_names_of_one_camera_may_be_sent_as_the_file_has_them(loaded):
    local = loaded(
        "model: p.sfm\ntrust: k.pub\nstreams:\n"
        "  a: {source: rtsp://h/1, classes: []}\n  b: {source: rtsp://h/1, classes: [person]}\n"
    )
    sections = local.config.model_dump(mode="json", include={"streams"})
    assert sent(local, **sections).config == local.config
    del sections["streams"]["a"]
    sections["streams"]["c"] = sections["streams"].pop("b")
    assert set(errors_of(local, **sections)) == {"streams.c.hide.classes"}


@pytest.mark.parametrize(
    ("name", "stream", "key", "message"),
    [
        ("hall", {"source": "rtsp://10.0.0.6/1", "conf": 0.1, "effect": "none"}, "effect", "'none': unknown effect"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "conf": 0.1, "efect": "solid"}, "efect", "there is no such key; did you mean 'effect'?"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "conf": math.nan}, "conf", "should be a finite number"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "margin": math.inf}, "margin", "should be a finite number"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "crf": 10**400}, "crf", "is too large a number"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "preset": "a\nb"}, "preset", "has several lines, or a character"),
        ("hall", {"source": "http://10.0.0.6/1"}, "source", "should be rtsp://, rtsps://"),
        ("hall", {"look": {"every": 0}}, "look.every", "0: must be a number from 1"),
        ("hall", {"look": {}}, "source", "has to be given"),
        ("hall", {"source": "rtsp://u:hunter12@10.0.0.6/1"}, "source", "a password doesn't stand in the file"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "preset": "${env:PW}"}, "preset", "a secret, ${...}, stands in a source's URL"),
        ("hall", {"source": "rtsp://10.0.0.6/1", "effect": "solid", "hide": {"effect": "solid"}}, "hide.effect", "stands as streams.hall.effect, too"),
        ("hall", 7, "", "should be a section of `key: value` lines"),
        ("hall", {"\x00": 1}, "", "has a key that is no plain word"),
        ("hall", {"k" * 201: 1}, "", "has a key that is no plain word"),
    ],
)  # fmt: skip
def test_what_is_invalid_is_said_by_key_and_without_lines(local, name, stream, key, message):
    errors = errors_of(local, streams={name: stream})
    key = f"streams.{name}.{key}".rstrip(".")
    assert message in errors[key]
    assert "hunter12" not in str(errors)
    assert ".yaml" not in str(errors)


HELD = "as stream door of the device's own file"


@pytest.mark.parametrize("name", ["door", "other"])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classes", ["person"], f"should have car, too, {HELD}"),
        ("classes", ["car", "dog"], f"should have person, too, {HELD}"),
        ("conf", 0.31, f"should be at most 0.3, {HELD}"),
        ("conf", None, f"should be at most 0.3, {HELD}"),
        ("shape", "mask", f"should be box, {HELD}"),
        ("margin", 0.19, f"should be at least 0.2, {HELD}"),
    ],
)
def test_a_stream_hides_no_less_than_the_file_says_under_any_name(local, name, key, value, message):
    stream = {"source": DOOR, "hide": {**HIDE, key: value}}
    assert errors_of(local, streams={name: stream}) == {f"streams.{name}.hide.{key}": message}


@pytest.mark.parametrize(
    "more",
    [
        {"classes": []},
        {"classes": ["car", "dog", "person"]},
        {"conf": 0.01},
        {"margin": 0.5},
        {"effect": "solid:00ff00"},
        {"effect": "blur"},
    ],
)
def test_a_stream_may_hide_more_or_otherwise(local, more):
    stream = {"source": DOOR, "hide": {**HIDE, **more}}
    hide = sent(local, streams={"door": stream}).config.streams["door"].hide
    for key, value in more.items():
        assert getattr(hide, key) == (tuple(value) if isinstance(value, list) else value)


def test_what_the_file_leaves_to_the_bundle_stays_there(local):
    yard = {"source": "/dev/video0", "classes": [], "conf": 0.01}
    assert errors_of(local, streams={"yard": yard}) == {
        "streams.yard.conf": "should be null, as stream yard of the device's own file"
    }
    yard = {"source": "/dev/video0", "classes": ["person", "car"], "conf": None}
    assert errors_of(local, streams={"yard": yard}) == {
        "streams.yard.classes": "should be empty, which hides all, as stream yard of the device's own file"
    }


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.6/1/",
        "RTSP://10.0.0.6:554/1",
        "rtsp://viewer@10.0.0.6/1",
        "rtsp://10.0.0.6/%31",
        "rtsp://10.0.0.6./1#x",
    ],
)
def test_a_camera_is_the_same_however_its_address_is_written(local, url):
    errors = errors_of(local, streams={"other": {"source": url, "conf": 0.3}})
    assert errors == {
        "streams.other.conf": "should be at most 0.2, as stream hall of the device's own file"
    }


CHANNELS = """\
model: p.sfm
trust: k.pub
defaults: {classes: [person]}
streams:
  a: {source: 'rtsp://10.0.0.5/live?channel=1', classes: []}
  b: {source: 'rtsp://10.0.0.5/live?channel=2'}
"""


def test_another_channel_that_the_file_knows_is_another_camera(loaded):
    local = loaded(CHANNELS)
    assert sent(local, streams={"c": "rtsp://10.0.0.5/live?channel=2"})
    assert errors_of(local, streams={"c": "rtsp://10.0.0.5/live?channel=1"})


@pytest.mark.parametrize("name", ["b", "c"])
@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.5/live?channel=1&more",
        "rtsp://10.0.0.5//live?channel=1",
        "rtsp://10.0.0.5/live?channel=3",
        "rtsps://10.0.0.5/live?channel=1",
        "rtsp://10.0.0.5:555/live?channel=1",
        "rtsp://10.5/live?channel=1",
        "rtsp://0x0a000005/live?channel=1",
        "rtsp://[::ffff:10.0.0.5]/live?channel=1",
    ],
)
def test_what_the_file_does_not_know_of_a_host_hides_what_all_of_its_cameras_do(loaded, name, url):
    """Most servers send the same picture for many addresses."""
    (said,) = errors_of(loaded(CHANNELS), streams={name: url}).values()
    assert said == "should be empty, which hides all, as stream a of the device's own file"


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_camera_that_the_file_switches_off_stays_off(loaded, name):
    """Under whatever name: that is how a device is told not to look somewhere."""
    local = loaded("model: p.sfm\ntrust: k.pub\nstreams: {a: {source: rtsp://h/1, paused: true}}\n")  # fmt: skip
    said = "should be true, as stream a of the device's own file"
    for stream in ({"source": "rtsp://h/1"}, {"source": "rtsp://h/2", "paused": False}):
        assert errors_of(local, streams={name: stream}) == {f"streams.{name}.paused": said}
    assert sent(local, streams={name: {"source": "rtsp://h/1", "paused": True}})
    assert sent(local, streams={"c": "rtsp://other/1"})


def test_a_device_is_given_no_more_streams_than_it_can_begin(local):
    """Each has threads of its own: a thousand stop those that ran well, at every start."""
    streams = {f"s{number}": f"rtsp://10.1.0.{number}/1" for number in range(65)}
    assert errors_of(local, streams=streams) == {"streams": "are 65, and from afar at most 64"}
    del streams["s0"]
    assert len(sent(local, streams=streams).config.streams) == 64


def test_a_stream_that_the_file_does_not_know_hides_what_its_defaults_say(local):
    errors = errors_of(
        local,
        streams={"new": {"source": "rtsp://10.0.0.9/1", "classes": ["dog"], "margin": 0}},
    )
    assert errors == {
        "streams.new.classes": "should have person, too, as the section defaults of the device's own file",
        "streams.new.margin": "should be at least 0.1, as the section defaults of the device's own file",
    }


def test_nobody_looks_away_for_longer_than_the_file_says(local):
    """`every` may be set from afar, for this bounds it."""
    hall = {"source": "rtsp://10.0.0.6/1", "conf": 0.2, "every": 30}
    assert sent(local, streams={"hall": hall})
    assert sent(local, streams={"hall": {**hall, "max_gap_s": 0.1}})
    for name, whose in (("hall", "stream hall"), ("new", "the section defaults")):
        url = "rtsp://10.0.0.6/1" if name == "hall" else "rtsp://10.0.0.9/1"
        stream = {"source": url, "conf": 0.2, "max_gap_s": 0.18}
        assert errors_of(local, streams={name: stream}) == {
            f"streams.{name}.max_gap_s": f"should be at most 0.17, as {whose} of the device's own file"
        }


def test_what_is_decoded_with_care_is_not_decoded_with_less(loaded):
    """FFmpeg leaves damaged pictures out; a decoder in hardware fills them in and says nothing."""
    url, other = "rtsp://10.0.0.5/1", "rtsp://10.0.0.6/1"
    local = loaded(
        "model: p.sfm\ntrust: k.pub\n"
        f"streams:\n  door: {{source: {url}, decoder: pyav}}\n  yard: {other}\n"
    )
    said = "should be pyav, as stream door of the device's own file"
    for decoder in ("auto", "gstreamer", "pyav-cuda"):
        for name in ("door", "new"):
            errors = errors_of(local, streams={name: {"source": url, "decoder": decoder}})
            assert errors == {f"streams.{name}.decoder": said}
        assert sent(local, streams={"yard": {"source": other, "decoder": decoder}})
    assert sent(local, streams={"yard": {"source": other, "decoder": "pyav"}})


def test_a_known_name_with_another_camera_hides_what_both_say(local):
    errors = errors_of(
        local, streams={"hall": {"source": DOOR, "hide": {**HIDE, "classes": ["person"]}}}
    )
    assert errors == {
        "streams.hall.hide.classes": f"should have car, too, {HELD}",
        "streams.hall.hide.conf": "should be at most 0.2, as stream hall of the device's own file",
    }


def test_nothing_remote_gets_below_the_floor(loaded):
    local = loaded("model: p.sfm\ntrust: k.pub\nfloor: {effect: solid}\ndefaults: {effect: solid}\nstreams: {a: rtsp://h/1}\n")  # fmt: skip
    for effect in ("blur", "pixelate", "auto"):
        assert errors_of(local, streams={"a": {"source": "rtsp://h/1", "effect": effect}}) == {
            "streams.a.effect": f"{effect!r} is weaker than floor.effect, 'solid'"
        }
    assert sent(local, streams={"a": {"source": "rtsp://h/1", "effect": "solid:00ff00"}})


def test_the_floor_holds_for_defaults_that_no_stream_of_the_file_uses(loaded):
    local = loaded(
        "model: p.sfm\ntrust: k.pub\ndefaults: {effect: blur}\nfloor: {effect: auto}\n"
        "streams: {a: {source: rtsp://h/1, effect: auto}}\n"
    )
    assert errors_of(local, streams={"b": "rtsp://h/2"}) == {
        "defaults.effect": "'blur' is weaker than floor.effect, 'auto'"
    }


def test_defaults_that_are_invalid_hold_up_what_is_sent(loaded):
    local = loaded(
        "model: p.sfm\ntrust: k.pub\ndefaults: {conf: 5}\nstreams: {a: {source: rtsp://h/1, conf: 0.5}}\n"
    )
    errors = errors_of(local, streams={"a": {"source": "rtsp://h/1", "conf": 0.5}})
    assert "invalid in the device's own file" in errors["defaults"]


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://viewer:${env:PW}@192.0.2.1/stream1",
        "rtsp://viewer:${env:PW}@10.0.0.5/stream2",
        "rtsp://192.0.2.1/${env:PW}",
        "rtsp://10.0.0.5/${credential:device.key}",
        "${env:PW}",
        "${env:HOME}",
    ],
)
def test_a_secret_goes_nowhere_but_where_the_file_sends_it(local, url):
    """Who holds the broker has no password sent to a host of his own."""
    errors = errors_of(local, streams={"door": {"source": url, "hide": HIDE}})
    assert errors == {
        "streams.door.source": "holds a secret, and no source in the device's own file is exactly this one"
    }


def test_no_secret_is_looked_up_for_who_may_not_use_it(loaded):
    """Else the answer would tell which there are."""
    local = loaded(LOCAL, PW="s3cret", OTHER="rtsp://h/1")
    there, missing = (
        errors_of(local, streams={"a": f"${{env:{name}}}"}) for name in ("OTHER", "NONE")
    )
    assert there == missing


def test_a_secret_may_be_used_as_the_file_does(local):
    both = sent(local, streams={"other": {"source": DOOR, "hide": HIDE}})
    assert both.config.streams["other"].source.url == DOOR


@pytest.mark.parametrize("url", ["/etc/shadow", "other.mp4", "/dev/video1", "file:///etc/shadow"])
def test_no_file_and_no_device_is_read_that_the_file_does_not_name(local, url):
    (message,) = errors_of(local, streams={"hall": {"source": url, "conf": 0.1}}).values()
    assert "only the device's own file says which files and devices" in message or (
        "should be rtsp://" in message
    )


def test_the_files_and_devices_that_it_names_may_be_read(local):
    clip = {"source": {"url": "clip.mp4", "loop": True}, "look": {"every": 1}}
    both = sent(local, streams={"test": clip, "again": "clip.mp4"})
    assert both.config.streams["test"].source.loop
    assert both.config.streams["again"].source.url == local.config.streams["test"].source.url


def test_no_file_is_written_that_the_file_does_not_name(local, tmp_path):
    said = "only the device's own file says which files are written"
    door = {"source": DOOR, "hide": HIDE}
    for name, file in (("door", "other.mp4"), ("other", "door.mp4"), ("other", "/etc/x.mp4")):
        errors = errors_of(local, streams={name: {**door, "file": file}})
        assert errors == {f"streams.{name}.file": said}
    both = sent(local, streams={"door": {**door, "file": "door.mp4"}})
    assert both.config.streams["door"].sink.file == tmp_path / "door.mp4"
    assert sent(local, streams={"door": door}).config.streams["door"].sink.file is None


def test_metrics_are_served_where_the_file_says_or_nowhere(local):
    said = "only the device's own file says where metrics are served: it has 127.0.0.1:9000"
    for section in ({"prometheus": "0.0.0.0:9000"}, {"prometheus": "127.0.0.1:9001"}, {}):
        assert errors_of(local, telemetry=section) == {"telemetry.prometheus": said}
    for address in ("127.0.0.1:9000", None):
        assert sent(local, telemetry={"prometheus": address})


def test_a_file_that_serves_none_opens_no_port_from_afar(loaded):
    local = loaded("model: p.sfm\ntrust: k.pub\nstreams: {a: rtsp://h/1}\ntelemetry: {prometheus: null}\n")  # fmt: skip
    (message,) = errors_of(local, telemetry={"interval_s": 30}).values()
    assert message.endswith("it has null")


@pytest.mark.parametrize(
    ("remote", "allowed"),
    [("[]", ()), ("[streams]", ("streams",)), ("[telemetry]", ("telemetry",))],
)
def test_only_sections_that_the_file_names_are_replaced(loaded, remote, allowed):
    local = loaded(f"model: p.sfm\ntrust: k.pub\nstreams: {{a: rtsp://h/1}}\ncontrol: {{remote: {remote}}}\n")  # fmt: skip
    sections = {"streams": {"a": "rtsp://h/2"}, "telemetry": {"interval_s": 30}}
    errors = errors_of(local, **sections)
    assert set(errors) == set(sections) - set(allowed)
    assert set(errors.values()) == {"control.remote in the device's own file doesn't name it"}
    for name in allowed:
        assert sent(local, **{name: sections[name]})


@pytest.mark.parametrize("name", ["model", "floor", "defaults", "control", "mqtt", "record", ""])
def test_no_other_section_can_be_sent(local, name):
    assert set(errors_of(local, **{name: {}})) == {name}


UPDATE = """
model: {trust: k.pub}
streams: {a: rtsp://h/1}
update: {repository: https://models.example, root: root.json, probation_s: 60}
control: {remote: [update]}
"""
ELSEWHERE = "only the device's own file says where models come from: it has "


def test_when_models_are_taken_may_be_said_from_afar(loaded):
    local = loaded(UPDATE)
    update = sent(local, update={"window": "01:00-03:00"}).config.update
    assert (update.window, update.probation_s) == ("01:00-03:00", 600)
    assert update.repository == local.config.update.repository == "https://models.example/"
    assert update.root == local.config.update.root
    assert sent(local, update={"repository": "https://models.example/", "root": "root.json"})


@pytest.mark.parametrize(
    ("sections", "errors"),
    [
        (
            {"repository": "https://other.example/"},
            {"update.repository": "https://models.example/"},
        ),
        ({"root": "other.json"}, {"update.root": "root.json"}),
    ],
)
def test_where_models_come_from_may_not(loaded, sections, errors):
    found = errors_of(loaded(UPDATE), update=sections)
    assert set(found) == set(errors)
    for key, own in errors.items():
        assert found[key].startswith(ELSEWHERE)
        assert found[key].endswith(own)


def test_who_takes_no_models_can_not_be_made_to(loaded):
    local = loaded("model: p.sfm\ntrust: k.pub\nstreams: {a: rtsp://h/1}\ncontrol: {remote: [update]}\n")  # fmt: skip
    update = {"repository": "https://models.example/", "root": "root.json"}
    assert errors_of(local, update=update) == {"update": f"{ELSEWHERE}no such section"}


def test_ten_keys_are_enough_and_none_is_long(local):
    errors = errors_of(local, streams={f"{'x' * 150}{n}": {"source": "rtsp://h/1", "k" * 200: {"a": 1}} for n in range(50)})  # fmt: skip
    assert len(errors) == 10
    assert all(len(key) <= 300 and len(said) <= 300 for key, said in errors.items())


def test_a_pause_is_said_to_be_one(local):
    """Facts, line 9: what an operator set is told apart from what is configured."""
    paused = overridden(local, {"yard", "gone"})
    assert paused.config.streams["yard"].paused
    assert not paused.config.streams["door"].paused
    assert paused.origins["streams.yard.paused"] == Origin("override")
    assert "paused: true" in listing(paused.config, paused.origins)
    assert listing(paused.config, paused.origins).count("# override\n") == 1
    assert not local.config.streams["yard"].paused


URLS = st.sampled_from(
    [DOOR, "/dev/video0", "rtsp://10.0.0.6/1", "rtsp://10.0.0.6:554/1/", "clip.mp4", "rtsp://x/1"]
)
HIDES = st.fixed_dictionaries(
    {},
    optional={
        "classes": st.lists(st.sampled_from(["person", "car", "dog"]), unique=True),
        "conf": st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.9]),
        "shape": st.sampled_from(["mask", "box"]),
        "margin": st.sampled_from([0, 0.1, 0.2, 0.5]),
        "effect": st.sampled_from(["blur", "solid"]),
    },
)
STREAMS = st.dictionaries(
    st.sampled_from(["door", "yard", "hall", "test", "new"]),
    st.fixed_dictionaries({"source": URLS, "hide": HIDES}),
    min_size=1,
    max_size=3,
)


def at_least(hide, least):
    """Whether everything that `least` hides is hidden, said in another way than the code does."""
    every = {"person", "car", "dog", "cat"}
    return (
        set(hide.classes or every) >= set(least.classes or every)
        and (hide.conf == least.conf if least.conf is None else (hide.conf or 1) <= least.conf)
        and (hide.shape, least.shape) != ("mask", "box")
        and hide.margin >= least.margin
    )


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STREAMS)
def test_whatever_is_sent_no_stream_of_the_file_is_hidden_less(local, streams):
    own = local.config.streams
    same = {"rtsp://10.0.0.6:554/1/": "rtsp://10.0.0.6/1"}
    try:
        config = overlaid(local, {"streams": streams}).config
    except UnfitError as error:
        event("refused" if error.errors else "refused without a word")
        return
    event("accepted")
    for name, stream in config.streams.items():
        url = same.get(stream.source.url, stream.source.url)
        for other, least in own.items():
            if other == name or least.source.url == url:
                assert at_least(stream.hide, least.hide), (name, other)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["rtsp://h/1", "${env:PW}", "${", "/etc/shadow", "solid"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["door", "source", "url", "hide", "effect", "look", "", "\x85", "file"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(["streams", "telemetry", "update"]), ANYTHING))
def test_whatever_is_sent_there_is_a_configuration_or_errors_by_key(local, sections):
    try:
        overlaid(local, sections)
    except UnfitError as error:
        errors = error.errors
    else:
        return
    assert 1 <= len(errors) <= 10
    assert all(said.isprintable() for said in errors.values())


def test_what_is_nested_too_deep_is_not_followed(local):
    deep = 1
    for _ in range(100):
        deep = [deep]
    (message,) = errors_of(local, streams={"a": deep}).values()
    assert message == "holds more than a configuration ever does"
    wide = {f"s{n}": [[]] * 100 for n in range(300)}
    assert "holds more than a configuration ever does" in set(
        errors_of(local, streams=wide).values()
    )
