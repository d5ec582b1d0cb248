"""The bundle that a command names, as typed."""

import argparse
import json

import pytest
from worlds import write_world_bundle

from agent.cli import main
from agent.cli.files import add_model_arguments, open_bundle
from models.archive import MANIFEST, read_archive, write_archive
from models.errors import BundleError


@pytest.fixture
def expired(tmp_path):
    """An unsigned bundle whose time was over in February 2026."""
    path = write_world_bundle(tmp_path / "old.sfm")
    files = read_archive(path)
    manifest = json.loads(files[MANIFEST]) | {"expires": "2026-02-03T00:00:00Z"}
    write_archive(path, files | {MANIFEST: json.dumps(manifest).encode()})
    return path


def opened(*words):
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    return open_bundle(parser.parse_args([*map(str, words)]))


def test_an_expired_bundle_runs_only_where_a_person_says_so(expired):
    words = ["--model", expired, "--allow-unsigned"]
    with pytest.raises(
        BundleError, match=r"old\.sfm: the bundle expired on 2026-02-03.*--allow-exp"
    ):
        opened(*words)
    assert opened(*words, "--allow-expired").manifest.name == "world"


@pytest.mark.parametrize("command", ["blur", "redact-image"])
def test_the_error_names_the_option_and_leaves_no_output(expired, tmp_path, capsys, command):
    words = [command, tmp_path / "in.png", tmp_path / "out.png", "--model", expired]
    assert main([*map(str, words), "--allow-unsigned"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "expired" in line
    assert "--allow-expired" in line
    assert not (tmp_path / "out.png").exists()
    main([*map(str, words), "--allow-unsigned", "--allow-expired"])
    assert "expired" not in capsys.readouterr().err
