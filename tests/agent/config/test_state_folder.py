"""Whoever looks from outside finds the folder that the agent keeps its state in."""

from pathlib import Path

import pytest

from agent.config.state_folder import state_folder


def test_systemd_says_where(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/cam:/var/lib/other")
    assert state_folder(Path("/etc/sfumato/agent.yaml")) == Path("/var/lib/private/cam")


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("/etc/sfumato/agent.yaml", "/var/lib/sfumato"),
        ("/etc/sfumato/../sfumato/gate.yaml", "/var/lib/sfumato"),
        ("/etc/sfumato/more/agent.yaml", "/etc/sfumato/more/agent.yaml.state"),
        ("/home/me/agent.yaml", "/home/me/agent.yaml.state"),
    ],
)
def test_without_it_the_files_place_does(monkeypatch, file, folder):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert state_folder(Path(file)) == Path(folder)


def test_a_relative_file_is_beside_its_own(monkeypatch, tmp_path):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert state_folder(Path("agent.yaml")) == tmp_path / "agent.yaml.state"
