"""Of what travels beside the pictures, nothing goes over that could identify anyone."""

from fractions import Fraction

import av
import pytest

SECRETS = ["Birthday at home", "+52.5200+013.4050/", "Ann's phone", "do not share", "Chapter One"]


def identify(output, stream):
    title, place, device, comment, chapter = SECRETS
    output.metadata.update(
        {"title": title, "location": place, "comment": comment, "model": device, "artist": device}
    )
    stream.metadata["title"] = title
    output.set_chapters(
        [
            {
                "id": 1,
                "start": 0,
                "end": 1000,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": chapter},
            }
        ]
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_nothing_that_identifies_is_copied(clips, tmp_path, suffix, with_sound):
    def and_attachments(output, stream):
        identify(output, stream)
        output.add_attachment("secret.txt", "text/plain", SECRETS[3].encode())

    source = clips.write(tmp_path / "in.mkv", sound="aac", prepare=and_attachments)
    assert all(secret.encode() in source.read_bytes() for secret in SECRETS)
    output = tmp_path / f"out{suffix}"
    clips.through(source, output, sound=with_sound)
    data = output.read_bytes()
    assert not [secret for secret in SECRETS if secret.encode() in data]
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video"] + ["audio"] * with_sound
        assert not container.chapters()
        assert container.metadata.keys() <= {
            "major_brand",
            "minor_version",
            "compatible_brands",
            "encoder",
        }


def test_captions_inside_the_pictures_are_not_copied(clips, tmp_path):
    """Closed captions and other user data travel beside the decoded picture, not in it."""
    raw = tmp_path / "in.h264"
    message = b"\xb5\0\x31GA94" + b"Ann said so" * 3  # ITU-T T.35: ATSC user data
    sei = b"\0\0\0\1\6\4" + bytes([len(message)]) + message + b"\x80"
    clips.write(raw)
    raw.write_bytes(sei + raw.read_bytes())
    clips.through(raw, tmp_path / "out.mp4")
    assert b"Ann said so" not in (tmp_path / "out.mp4").read_bytes()
