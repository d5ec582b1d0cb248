"""A folder for a moment, whatever ends it."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from models.temporary_folder import temporary_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError])
def test_it_is_gone_with_all_that_is_in_it(place, end):
    with suppress(end), temporary_folder("test") as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
        raise end
    assert list(place.iterdir()) == []


def test_ctrl_c_as_soon_as_it_is_made_leaves_nothing(place, monkeypatch):
    made = Path.mkdir

    def interrupted(path, *arguments, **more):
        made(path, *arguments, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_folder("test"):
        pass
    assert list(place.iterdir()) == []
