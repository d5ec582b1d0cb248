import ast
import copy
from pathlib import Path

import pytest

import agent
from agent.frames.cover import Cover
from agent.frames.redacted import RedactedFrame
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor

PACKAGE = Path(agent.__file__).parent


@pytest.fixture
def redacted(make_noise):
    return Redactor((6, 4), Effect("blur")).redact(make_noise((6, 4)), Cover(()))


def test_nobody_else_makes_one(make_noise):
    frame = make_noise((6, 4))
    for seal in (None, object(), True, RedactedFrame):
        with pytest.raises(TypeError, match=r"only agent\.redact"):
            RedactedFrame(seal, frame, frame.planes)


def test_it_keeps_the_time_of_its_frame(redacted, make_noise):
    frame = make_noise((6, 4))
    for name in ("index", "pts", "time_base", "colour", "size"):
        assert getattr(redacted, name) == getattr(frame, name)


def test_planes_can_not_be_swapped_afterwards(redacted, make_noise):
    with pytest.raises(AttributeError):
        redacted.planes = make_noise((6, 4)).planes
    with pytest.raises(AttributeError):
        copy.copy(redacted)


def test_it_has_no_subclass_that_could_lift_the_seal():
    with pytest.raises(TypeError, match="no kinds"):
        type("Raw", (RedactedFrame,), {})


def test_the_seal_never_leaves_the_redactor():
    """No source but the redactor names the seal, and none goes around the constructor."""
    sealed = {PACKAGE / "frames" / name for name in ("redacted.py", "annotated.py")}
    sources = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "redact" and path not in sealed
    ]
    assert sources
    assert any("_SEAL" in path.read_text("utf-8") for path in (PACKAGE / "redact").glob("*.py"))
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            words = {getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", "")}
            assert "_SEAL" not in words, path
            if isinstance(node, ast.Constant):
                assert node.value != "_SEAL", path
            if isinstance(node, ast.Call):
                for frame in ("RedactedFrame", "AnnotatedFrame"):
                    assert frame not in ast.unparse(node.func), path
                    # As in object.__new__(RedactedFrame); asking for the type is what sinks do.
                    made = any(ast.unparse(argument) == frame for argument in node.args[:1])
                    assert not made, path
