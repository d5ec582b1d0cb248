"""By which paths a redacted frame comes to be, and that none of them shows what it hides."""

import ast
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import worlds
from covers import box
from recording import INFO, annotated_grey
from worlds import LEAK, SOLID, Eyes, Thing, World, linear, lumas

import agent
from agent.blur import annotate, blur
from agent.errors import InputError, OutputError, UsageError
from agent.frames.annotated import AnnotatedFrame
from agent.frames.cover import Cover
from agent.frames.encoded import EncodedPacket
from agent.frames.redacted import RedactedFrame
from agent.pictures.contact_sheet import ContactSheet
from agent.redact.annotator import Annotator
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.service.latest_frame import LatestFrame
from agent.service.snapshot import snapshot_of
from agent.settings import BlurSettings
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput

PACKAGE = Path(agent.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def functions():
    """File, name and syntax of every function and method of the agent."""
    for file, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield file, node.name, node


def mentions(annotation, name):
    return annotation is not None and any(
        getattr(node, "id", "") == name for node in ast.walk(annotation)
    )


SEALED = {
    "agent.frames.redacted": (("RedactedFrame",), "redact/redactor.py"),
    "agent.frames.annotated": (("AnnotatedFrame",), "redact/annotator.py"),
    "agent.frames.encoded": (("EncodedStream", "EncodedPacket"), "video/encoder.py"),
}
"""By module: the types that are sealed there, and the only file that makes them."""


@pytest.mark.parametrize("module", SEALED)
def test_a_seal_is_held_by_its_type_and_one_maker(module):
    """No other source names the seal, and none goes around a constructor."""
    kinds, maker = SEALED[module]
    itself = module.removeprefix("agent.").replace(".", "/") + ".py"
    holders = set()
    for file, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == module:
                holders |= {file for alias in node.names if alias.name == "_SEAL"}
            if isinstance(node, ast.Call) and file != maker:
                assert not set(kinds) & {ast.unparse(node.func)}, file
                # As in object.__new__(RedactedFrame); asking for the type is what sinks do.
                assert not set(kinds) & {ast.unparse(arg) for arg in node.args[:1]}, file
            if isinstance(node, ast.Attribute):
                assert node.attr != "_SEAL", file
            if isinstance(node, ast.Constant):
                assert node.value != "_SEAL", file
    assert itself in SOURCES
    assert holders == {maker}


def test_an_encoders_work_can_not_be_made_or_changed_elsewhere():
    """Else a camera's own packets would be a redacted stream's."""
    encoder = VideoEncoder(INFO, annotated=True)
    encoder.encode(annotated_grey())
    for seal in (None, object(), True):
        with pytest.raises(TypeError, match="only an encoder"):
            EncodedPacket(seal, b"", 0, 0, is_key=True)
        with pytest.raises(TypeError, match="only an encoder"):
            replace(encoder.stream, seal=seal, annotated=False)
    with pytest.raises((TypeError, ValueError), match="seal"):
        replace(encoder.stream, annotated=False)
    with pytest.raises(AttributeError):
        encoder.stream.annotated = False


def test_every_function_that_gives_a_redacted_frame_is_known():
    given = {
        (file, name)
        for file, name, node in functions()
        if mentions(node.returns, "RedactedFrame") and not mentions(node.returns, "EncodingSink")
    }
    assert given == {
        ("redact/redactor.py", "redact"),
        ("live/showing.py", "live_encoder"),  # takes them
        ("frames/ports.py", "redact"),  # what a redactor promises
        ("blur.py", "parts"),  # names a redactor's method, and calls none
    }


def test_every_file_that_encodes_pictures_is_known():
    encoders = {
        file
        for file, tree in SOURCES.items()
        for node in ast.walk(tree)
        if getattr(node, "attr", "") in {"imencode", "imwrite"}
        or getattr(node, "module", "") == "PIL"
    }
    assert encoders == {
        "service/snapshot.py",  # refuses all but a RedactedFrame
        "pictures/contact_sheet.py",  # likewise, unless it was made for annotated ones
        "image_file.py",  # for `redact-image`
        "several_pictures.py",  # which only names a format
    }


EITHER = ("AnnotatedFrame", "FrameT", "FrameT_contra", "ShownT", "ShownT_contra")
"""The type, and the type variables that can stand for it."""


def test_every_function_that_takes_an_annotated_frame_is_known():
    taken = {
        (file, name)
        for file, name, node in functions()
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        for kind in EITHER
        if argument.arg == "frame" and mentions(argument.annotation, kind)
    }
    assert taken == {
        ("bench/clip.py", "wrote"),
        ("blur.py", "wrote"),
        ("cli/watch.py", "wrote"),
        ("pictures/contact_sheet.py", "add"),  # refuses it unless it was made for it
        ("pictures/tile.py", "tile_of"),
        ("frames/ports.py", "encode"),  # what an encoder promises
        ("pipeline/sink.py", "write"),  # what a sink promises
        ("video/encoder.py", "encode"),  # refuses it unless it was made for it
        ("video/encoder.py", "_open"),
        ("video/encoding_sink.py", "write"),  # gives it to such an encoder
        ("video/encoder_picture.py", "wrap"),  # which only such an encoder calls
        ("video/encoder_picture.py", "_draw"),
    }


def bright(size=(160, 96)):
    world = World(Thing(linear(40, 20), (64, 48)), frames=1, size=size)
    return world, world.frame(0)


REDACTORS = list(
    itertools.product(
        (
            *(Effect("auto"), Effect("blur"), Effect("pixelate")),
            *(Effect("solid"), Effect("solid", (1, 2, 3))),
        ),
        ("mask", "box"),
    )
)


@pytest.mark.parametrize(("effect", "shape"), REDACTORS, ids=str)
def test_no_redactor_shows_what_its_cover_hides(effect, shape):
    """An object under noise: nothing of the noise is left, whatever the redactor was made with."""
    world, frame = bright()
    noise = np.random.default_rng(0).integers(0, 2, (48, 64), np.uint8) * np.uint8(120)
    frame.planes[0][20:68, 40:104] -= noise
    for cover in (Cover((box(40, 20, 64, 48),)), Cover.all_of_it("test")):
        redacted = Redactor(world.size, effect, shape).redact(frame, cover)
        assert type(redacted) is RedactedFrame
        left = redacted.planes[0][22:66, 42:102].astype(float)
        seen = frame.planes[0][22:66, 42:102].astype(float)
        assert np.abs(np.diff(left, axis=1)).mean() < 0.1 * np.abs(np.diff(seen, axis=1)).mean()


def choices():
    """Every setting that is a choice, with everything that can be chosen."""
    for name, field in BlurSettings.model_fields.items():
        if field.annotation is bool:
            yield from ((name, value) for value in (True, False))
        for kind in (field.annotation, *get_args(field.annotation)):
            if get_origin(kind) is Literal:
                yield from ((name, value) for value in get_args(kind))


CHOICES = list(choices())


def test_the_choices_are_found():
    """The test below would else pass on nothing."""
    assert {name for name, _ in CHOICES} >= {"every", "latency", "shape", "codec", "audio"}


@pytest.mark.parametrize(("name", "value"), CHOICES, ids=str)
def test_no_setting_alone_lets_an_object_show(name, value, tmp_path):
    """`BlurSettings(annotate=True)` once did, at 89.6 % of its luma."""
    world = World(Thing(linear(40, 20), (64, 48)), frames=12)
    settings = SOLID.model_copy(update={name: value, "preset": "ultrafast"})
    clip, target = world.write(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    bundle = worlds.world_bundle(tmp_path)
    report, refused = None, ""
    try:
        report = blur(clip, target, bundle, settings, detector=Eyes(world))
    except (InputError, OutputError) as error:
        refused = str(error)
    if report is None:  # a decoder or an encoder that this machine has not
        assert name in ("decoder", "encoder")
        assert not target.exists()
        assert "can't be decoded by pyav-cuda" in refused or "Python bindings" in refused
        return
    assert report.redacted
    assert max(picture.max() for picture in lumas(target)) < LEAK


def test_settings_know_no_way_to_annotate():
    with pytest.raises(ValueError, match="annotate"):
        BlurSettings(annotate=True)


def test_annotating_is_another_function_that_must_be_told(tmp_path):
    world = World(Thing(linear(40, 20), (64, 48)), frames=12)
    clip, bundle = world.write(tmp_path / "in.mp4"), worlds.world_bundle(tmp_path)
    target, eyes = tmp_path / "out.mp4", Eyes(world)
    with pytest.raises(UsageError, match="--i-know-this-is-not-redacted"):
        annotate(clip, target, bundle, SOLID, detector=eyes)
    assert not target.exists()
    report = annotate(clip, target, bundle, SOLID, detector=eyes, i_know_this_is_not_redacted=True)
    assert not report.redacted
    assert min(picture.max() for picture in lumas(target)) > LEAK


def test_what_is_drawn_is_refused_wherever_redacted_frames_are_taken(tmp_path):
    world, frame = bright()
    cover = Cover((box(40, 20, 64, 48),))
    drawn = Annotator(world.size, i_know_this_is_not_redacted=True).annotate(frame, cover)
    assert type(drawn) is AnnotatedFrame
    for refuse in (
        VideoEncoder(INFO).encode,
        EncodingSink(VideoEncoder(INFO), FileOutput(tmp_path / "out.mp4")).write,
        lambda each: ContactSheet(INFO.sample_aspect_ratio).add(each, cover),
        lambda each: LatestFrame(INFO).note(each, cover),
        lambda each: snapshot_of(each, 1.0, 64, 0.0),
    ):
        for odd in (drawn, frame):
            with pytest.raises(TypeError):
                refuse(odd)
