"""What may be said between a browser and a live server, and what is refused."""

import json
from typing import get_args

import pytest
from pydantic import BaseModel

from agent.live.asked import Asked, CameraOffer, Hello, asked_of
from agent.live.show import CameraHello, Key, Seek, Step
from agent.live.wire import (
    ANNEX_B,
    CAMERA,
    Done,
    Objects,
    Picture,
    Seen,
    WireError,
    picture_of,
)

HELLO = {"type": "hello", "v": 1, "want": "watch"}
OFFER = {"codec": "vp8", "width": 640, "height": 360}
DO = {"type": "do", "id": 1, "what": "seek", "to_s": 2}


def asked(message):
    return asked_of(json.dumps(message))


def test_a_hello_and_commands_are_read():
    assert asked(HELLO) == Hello(type="hello", v=1, want="watch")
    camera = asked(HELLO | {"want": "camera", "camera": OFFER, "as": "fmp4", "token": "t"})
    assert camera.camera.hello() == CameraHello("vp8", 640, 360)
    assert (camera.as_, camera.token) == ("fmp4", "t")
    assert asked(DO).command() == Seek(2.0)
    assert asked(DO | {"what": "step", "to_s": None}).command() == Step()
    assert asked({"type": "do", "id": 2, "what": "key"}).command() == Key()


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        None,
        "hello",
        HELLO | {"v": 2},
        HELLO | {"v": "1"},
        HELLO | {"type": "evil"},
        HELLO | {"want": "evil"},
        HELLO | {"evil": "evil"},
        HELLO | {"token": 5},
        HELLO | {"token": "t" * 257},
        HELLO | {"want": "camera"},
        HELLO | {"camera": OFFER},
        HELLO | {"want": "camera", "camera": OFFER | {"width": 641}},
        HELLO | {"want": "camera", "camera": OFFER | {"width": 8192}},
        HELLO | {"want": "camera", "camera": OFFER | {"height": 4320}},
        HELLO | {"want": "camera", "camera": OFFER | {"codec": "av1"}},
        HELLO | {"want": "camera", "camera": OFFER | {"url": "file:///evil"}},
        DO | {"to_s": -1},
        DO | {"to_s": float("nan")},
        DO | {"to_s": float("inf")},
        DO | {"to_s": None},
        DO | {"what": "pause"},
        DO | {"id": True},
        DO | {"id": 2**60},
    ],
    ids=str,
)
def test_whatever_else_is_refused_without_repeating_it(message):
    with pytest.raises(WireError) as caught:
        asked(message)
    assert caught.value.code == 1007
    assert caught.value.text
    assert "evil" not in caught.value.text


def test_a_text_is_short_and_json():
    for text, code in (
        ("", 1007),
        ("{", 1007),
        ("[" * 4000, 1007),
        ("\ud800", 1007),
        (" " * 4097, 1009),
        ("é" * 2049, 1009),
    ):
        with pytest.raises(WireError) as caught:
            asked_of(text)
        assert caught.value.code == code
    assert asked_of(json.dumps(HELLO).ljust(4096)) == asked(HELLO)


def test_a_picture_is_sixteen_bytes_and_the_rest():
    chunk = Picture(CAMERA, 7, 33_000, is_key=True, payload=b"abc")
    assert bytes(chunk).hex() == "10010000" + "00000007" + "00000000000080e8" + "616263"
    assert picture_of(bytes(chunk)) == chunk
    for wrong in (
        b"",
        b"\x10\x01\x00",
        bytes(chunk)[:16],
        bytes(Picture(ANNEX_B, 7, 0, is_key=True, payload=b"abc")),
        b"\x10\x02" + bytes(chunk)[2:],
        b"\x10\x01\x01" + bytes(chunk)[3:],
        bytes(Picture(CAMERA, 7, 2**63, is_key=True, payload=b"abc")),
    ):
        with pytest.raises(WireError):
            picture_of(wrong)


def test_what_is_told_is_json():
    seen = Seen(track=3, label="person", box=(0.0, 0.25, 0.5, 1.0))
    told = json.loads(str(Objects(pts_us=5, objects=[seen], whole="no result yet")))
    assert told == {
        "type": "objects",
        "pts_us": 5,
        "number": 0,
        "objects": [{"track": 3, "label": "person", "box": [0.0, 0.25, 0.5, 1.0]}],
        "whole": "no result yet",
    }
    assert json.loads(str(Done(id=1))) == {"type": "done", "id": 1, "error": None}


def test_a_client_can_name_no_file_no_address_no_model_and_no_weaker_effect():
    """All that it can say; whoever adds a field looks at this."""
    said = {model.__name__: sorted(model.model_fields) for model in get_args(Asked)}
    assert said == {
        "Hello": ["as_", "camera", "stream", "token", "type", "v", "want"],
        "Do": ["id", "to_s", "type", "what"],
    }
    assert sorted(CameraOffer.model_fields) == ["codec", "height", "width"]
    for model in (*get_args(Asked), CameraOffer):
        assert issubclass(model, BaseModel)
        assert model.model_config["extra"] == "forbid"
