"""`sfumato config`, as typed."""

import json
import os
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from agent.config.remote import RemoteConfig
from agent.config.secrets import Secrets
from agent.control.messages import ConfigDesired
from models.bundle import Bundle
from models.signing import load_public

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo"
TEXT = f"""\
model: {DEMO}/bottles.sfm
trust: {DEMO}/demo.pub
streams:
  door:
    source: rtsp://viewer:${{credential:door}}@10.0.0.5/stream1
    classes: [Bottle]
  yard: /dev/video0
"""


@pytest.fixture
def sfumato(capsys):
    """Run `sfumato config`: exit code, lines on standard output, lines on standard error."""

    def run(*words):
        code = main(["config", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a configuration, and the credential that it asks for."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "door").write_text("hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    def write(text):
        path = tmp_path / "agent.yaml"
        path.write_text(text)
        return path

    return write


def test_what_is_right_is_said_in_a_line(sfumato, write):
    path = write(TEXT)
    manifest = Bundle.open(DEMO / "bottles.sfm", [load_public(DEMO / "demo.pub")]).manifest
    line = f"{path} is right: 2 streams, model {manifest.name} v{manifest.version}"
    assert sfumato("check", path) == (0, [line], [])
    code, out, _ = sfumato("check", write(TEXT.replace("  yard: /dev/video0\n", "")))
    assert (code, out) == (0, [line.replace("2 streams", "1 stream")])


def test_every_fault_is_a_line_of_its_own(sfumato, write):
    path = write(TEXT + "    every: 0\n".replace("    ", "") + "mqqt: {}\n")
    code, out, err = sfumato("check", path)
    assert (code, out) == (2, [])
    assert [line.split(": ")[:3] for line in err] == [
        ["sfumato", f"{path}:8", "every"],
        ["sfumato", f"{path}:9", "mqqt"],
    ]


def test_a_class_that_the_model_does_not_know_is_named_with_its_line(sfumato, write):
    path = write(TEXT.replace("[Bottle]", "[botle]") + "defaults: {classes: person}\n")
    code, out, err = sfumato("check", path)
    assert (code, out) == (2, [])
    said = "the model has no class"
    assert err == [
        f"sfumato: {path}:6: streams.door.hide.classes: {said} 'botle'; did you mean 'bottle'?",
        f"sfumato: {path}:8: streams.yard.hide.classes: {said} 'person'; it knows bottle",
    ]


def test_a_model_that_can_not_be_used_ends_with_five(sfumato, write, tmp_path):
    code, _, err = sfumato("check", write(TEXT.replace("bottles.sfm", "gone.sfm")))
    assert (code, len(err)) == (5, 1)
    assert "gone.sfm: can't read the bundle" in err[0]
    assert main(["model", "keygen", str(tmp_path / "other")]) == 0
    path = write(TEXT.replace(f"{DEMO}/demo.pub", "other.pub"))
    code, _, err = sfumato("check", path)
    assert code == 5
    assert "not trusted" in err[-1]


def test_a_secret_that_is_not_there_is_named(sfumato, write, monkeypatch):
    path = write(TEXT)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    code, _, err = sfumato("check", path)
    assert (code, len(err)) == (2, 1)
    assert (
        f"{path}:5: streams.door.source: ${{credential:door}}: there are no credentials" in err[0]
    )


def test_a_page_whose_files_can_not_be_used_is_named_with_its_line(sfumato, write, tmp_path):
    path = write(TEXT + "live:\n  token_file: token\n  listen: 0.0.0.0:8080\n")
    said = f"sfumato: {path}:9: live.token_file: "
    assert sfumato("check", path)[2] == [
        f"{said}{tmp_path}/token: the token can't be read (No such file or directory)"
    ]
    (tmp_path / "token").write_text("short\n")
    assert sfumato("check", path)[2] == [f"{said}a token has 16 to 256 characters"]
    (tmp_path / "token").write_text("long enough a token\n")
    assert sfumato("check", path)[0] == 0
    path = write(TEXT + "live: {tls_cert: c.pem, tls_key: k.pem}\n")
    code, _, (line,) = sfumato("check", path)
    assert code == 2
    assert line.startswith(f"sfumato: {path}:8: live.tls_cert: {tmp_path}/c.pem and {tmp_path}/k")


def test_a_configuration_is_shown_in_full_without_its_secrets(sfumato, write, monkeypatch):
    path = write(TEXT)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")  # showing needs none
    code, out, err = sfumato("show", path)
    assert (code, err) == (0, [])
    shown = yaml.safe_load("\n".join(out))
    assert shown["streams"]["door"]["source"]["url"] == "rtsp://viewer:***@10.0.0.5/stream1"
    assert shown["streams"]["yard"]["hide"]["effect"] == "auto"
    assert shown["record"]["keep"]["bytes"] == "50GiB"


def test_it_is_shown_where_each_value_came_from(sfumato, write):
    code, out, _ = sfumato("show", write(f"{TEXT}defaults: {{every: 3}}\n"), "--origin")
    assert code == 0
    remarks = [line.split() for line in out if "  # " in line]
    assert ["classes:", "[Bottle]", "#", "file", "line", "6"] in remarks
    assert ["every:", "3", "#", "defaults", "section,", "line", "8"] in remarks
    assert ["crf:", "23", "#", "default"] in remarks


@pytest.mark.parametrize("words", [["check"], ["show"], ["show", "--origin"]])
@pytest.mark.parametrize("content", [b"", b"\xff", b"- a", b"a: *b"])
def test_what_is_no_configuration_ends_with_two(sfumato, tmp_path, words, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    code, out, err = sfumato(*words, path)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"sfumato: {path}:")


@pytest.fixture
def sent(tmp_path, write):
    """Has a device accept what was sent from afar, over its own file."""

    def sent(rev, **sections):
        path, folder = write(TEXT), tmp_path / "agent.yaml.state"
        remote = RemoteConfig(path, Secrets.of_process(), folder)
        remote.load()
        remote.accept()
        remote.offer(ConfigDesired(v=1, rev=rev, **sections))
        remote.accept()
        return path

    return sent


def test_what_was_sent_from_afar_is_shown_with_its_origin(sfumato, sent, monkeypatch):
    """Facts, line 13: of each value it can be seen where it came from."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = sent(3, streams={"yard": {"source": "/dev/video0", "every": 3}})
    code, out, err = sfumato("show", path, "--origin")
    assert (code, err) == (0, [])
    remarks = [line.split() for line in out if "  # " in line]
    assert ["every:", "3", "#", "remote"] in remarks
    assert ["crf:", "23", "#", "default"] in remarks
    assert not any("door" in line for line in out)
    assert sfumato("check", path)[0] == 0


def test_what_no_longer_fits_the_file_is_said_and_left_out(sfumato, sent, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = sent(3, streams={"yard": {"source": "/dev/video0", "every": 3}})
    path.write_text(f"{TEXT}control: {{remote: []}}\n")
    code, out, err = sfumato("show", path)
    assert code == 0
    assert any("door" in line for line in out)
    said = "control.remote in the device's own file doesn't name it"
    assert err == [f"sfumato: warning: sent from afar: streams: {said}"]


def test_what_was_sent_from_afar_can_be_dropped(sfumato, sent, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = sent(3, streams={"yard": {"source": "/dev/video0", "every": 3}})
    code, out, err = sfumato("reset-remote", path)
    assert (code, err) == (0, [])
    assert out == [
        f"rev 3 from afar is dropped; {path} alone counts, until a newer one comes",
        "the agent takes it on with its next reload: systemctl reload sfumato-agent",
    ]
    code, out, err = sfumato("show", path, "--origin")
    assert code == 0
    assert any("door" in line for line in out)
    assert not any("remote" in line.partition("#")[2] for line in out)
    assert "send a higher one" in err[0]
    assert sfumato("reset-remote", path) == (0, ["nothing from afar is in force"], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
def test_root_writes_nowhere_that_the_services_account_may_not(sfumato, sent, monkeypatch):
    """Whoever got hold of that account can put a link in the place of its folder, or of a file."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = sent(3, streams={"yard": {"source": "/dev/video0", "every": 3}})
    state = path.with_name("agent.yaml.state")
    roots = state.rename(path.with_name("roots"))
    before = (roots / "remote.json").read_bytes()
    state.symlink_to(roots)
    os.chown(state, 65534, 65534, follow_symlinks=False)
    code, _, err = sfumato("reset-remote", path)
    assert code == 4, err
    assert (roots / "remote.json").read_bytes() == before
    assert os.geteuid() == 0


def test_a_device_that_was_never_told_anything_has_nothing_to_drop(sfumato, write, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = write(TEXT)
    assert sfumato("reset-remote", path) == (0, ["nothing from afar is in force"], [])
    assert not path.with_name("agent.yaml.state").exists()


def test_files_of_the_broker_that_can_not_be_used_are_named_with_their_line(sfumato, write):
    path = write(f"{TEXT}mqtt:\n  host: h\n  ca: gone.crt\ncontrol:\n  operators: [gone.pub]\n")
    code, out, err = sfumato("check", path)
    assert (code, out) == (2, [])
    assert [line.split(": ")[:3] for line in err] == [
        ["sfumato", f"{path}:12", "control.operators"],
        ["sfumato", f"{path}:10", "mqtt.ca"],
    ]


def test_what_is_printed_to_begin_with_is_read_again(sfumato, write):
    for words in (["example"], ["example", "--full"]):
        code, out, err = sfumato(*words)
        assert (code, err) == (0, [])
        assert sfumato("show", write("\n".join(out)))[0] == 0


def test_the_schema_is_json(sfumato):
    code, out, err = sfumato("schema")
    assert (code, err) == (0, [])
    assert json.loads("\n".join(out))["required"] == ["model", "streams"]


@pytest.mark.parametrize(
    "words", [[], ["check"], ["show"], ["reset-remote"], ["example"], ["schema"]]
)
def test_help_teaches(capsys, words):
    with pytest.raises(SystemExit) as caught:
        main(["config", *words, "--help"])
    assert caught.value.code == 0
    assert "usage: sfumato config" in capsys.readouterr().out


def test_a_folder_that_is_no_text_is_shown(sfumato, tmp_path):
    """Linux lets names be any bytes."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    (folder / "agent.yaml").write_text(TEXT.replace(f"{DEMO}/", ""))
    code, out, err = sfumato("show", folder / "agent.yaml")
    assert (code, err) == (0, [])
    assert any("bundle: " in line for line in out)
