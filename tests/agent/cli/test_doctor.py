"""`sfumato doctor`, as typed, on this machine."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from authority import Authority
from ports import free_port

from agent.cli import main
from agent.cli.building import Building
from agent.config.state_folder import state_folder
from models.bundle import Bundle
from models.runtime.backends import device_backends
from models.runtime.choice_cache import CHOICES, ChoiceCache
from models.runtime.choose import choose_network
from models.signing import load_public

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo"
CONFIG = f"""\
model: {{bundle: {DEMO}/bottles.sfm, trust: [{DEMO}/demo.pub]}}
streams: {{door: clip.mp4}}
record: {{dir: video, keep: {{free: null}}}}
"""


@pytest.fixture
def doctor(capsys):
    """Run `sfumato doctor`: exit code, standard output, standard error."""

    def run(*words):
        code = main(["doctor", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def findings(doctor):
    """What it says as JSON, by name, and its exit code."""

    def run(*words):
        code, out, _ = doctor("--json", *words)
        document = json.loads(out)
        found = {each["name"]: each for each in document["findings"]}
        assert len(found) == len(document["findings"])
        assert document["lacks"] == [
            name for name, each in found.items() if each["needed"] and each["state"] == "missing"
        ]
        return code, found

    return run


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "agent.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.slow
def test_a_machine_that_runs_the_tests_has_all_that_is_needed(doctor):
    code, out, err = doctor()
    assert (code, err) == (0, "")
    first, *_, last = out.splitlines()
    assert first.startswith("Sfumato ")
    assert last == "Nothing is missing that is needed here."


@pytest.mark.slow
def test_what_a_configuration_asks_for_is_looked_at(findings, write):
    code, found = findings("--config", write(CONFIG))
    assert code == 0
    assert found["model"]["said"].startswith("bottles v")
    assert {found[name]["state"] for name in ("model", "state", "disk")} == {"ok"}
    assert "broker" not in found
    assert found["model"]["said"].endswith(
        "fp16, uint8; the first start finds out which of them suits this machine"
    )


@pytest.mark.slow
def test_what_the_agent_chose_is_told(findings, write):
    path = write(CONFIG)
    bundle = Bundle.open(DEMO / "bottles.sfm", [load_public(DEMO / "demo.pub")])
    state = state_folder(path)
    with Building() as building:
        backends = device_backends(state / "engines", building)
        chosen = choose_network(bundle, backends=backends, cache=ChoiceCache(state / CHOICES))
    chosen.network.close()
    _, found = findings("--config", path)
    assert f"{chosen.precision} on onnxruntime-cpu: " in found["model"]["said"]
    assert " (chosen)" in found["model"]["said"]
    assert found["model"]["state"] == "ok"
    file = state / CHOICES
    assert '"passed"' in file.read_text()
    file.write_text(file.read_text().replace('"passed"', '"refused"'))
    assert findings("--config", path)[1]["model"]["state"] == "warning"


@pytest.mark.slow
def test_what_is_missing_makes_the_exit_code(findings, write):
    text = CONFIG.replace("demo.pub", "none.pub").replace("clip.mp4", "/dev/video77")
    port = free_port()
    code, found = findings("--config", write(f"{text}mqtt: {{host: 127.0.0.1, port: {port}}}\n"))
    assert code == 9
    for name in ("model", "devices", "broker"):
        assert (found[name]["state"], found[name]["needed"]) == ("missing", True)
        assert found[name]["command"]
    assert "none.pub" in found["model"]["said"]
    assert "/dev/video77" in found["devices"]["said"]
    assert str(port) in found["broker"]["said"]


@pytest.mark.slow
def test_a_device_that_is_not_provisioned_is_told_how(findings, write, tmp_path):
    identity = tmp_path / "identity"
    _, found = findings("--config", write(f"{CONFIG}mqtt: {{identity: {identity}}}\n"))
    assert found["broker"]["needed"]
    assert "sfumato provision request" in found["broker"]["said"]


@pytest.mark.slow
def test_a_secret_that_can_not_be_read_is_no_end(findings, write, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    tls = Authority(tmp_path / "ca").issue("gate-7")
    mqtt = f"{{host: b.invalid, ca: {tls.ca}, cert: {tls.cert}, key: '${{credential:key}}'}}"
    path = write(f"device: gate-7\n{CONFIG}mqtt: {mqtt}\n")
    code, found = findings("--config", path)
    assert code == 9
    assert "${credential:key}" in found["broker"]["said"]
    assert found["broker"]["command"] == f"sudo sfumato doctor --config {path}"


@pytest.mark.slow
@pytest.mark.parametrize("text", [None, "model: [", "model: a.sfm\nstreems: {}\n"])
def test_a_configuration_that_can_not_be_read_is_one_of_what_is_missing(
    findings, write, tmp_path, text
):
    path = tmp_path / "none.yaml" if text is None else write(text)
    code, found = findings("--config", path)
    assert code == 9
    assert found["config"]["needed"]
    assert found["config"]["command"] == f"sfumato config check {path}"
    assert str(path) in found["config"]["said"]
    assert found["python"]["state"] == "ok"  # the machine is looked at all the same


@pytest.mark.slow
def test_doctor_lives_where_what_it_looks_at_is_broken(write, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("av", "onnxruntime", "cv2"):
        (broken / f"{name}.py").write_text(f"raise ImportError('lib{name}.so: no such file')")
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "agent", "doctor", "--json", "--config", write(CONFIG)],
        env=os.environ | {"PYTHONPATH": f"{broken}{os.pathsep}{root}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (9, "")
    found = {each["name"]: each for each in json.loads(done.stdout)["findings"]}
    for name, module in {
        "onnxruntime": "onnxruntime", "decoders": "av", "encoders": "av", "opencv": "cv2",
    }.items():  # fmt: skip
        assert found[name]["needed"]
        assert f"lib{module}.so" in found[name]["said"]
        assert "pip install --force-reinstall" in found[name]["command"]


def test_the_drop_in_is_written_whole_for_all_to_read(doctor, tmp_path):
    path = tmp_path / "sfumato-agent.service.d/10-devices.conf"
    before = os.umask(0o022)
    try:
        code, out, err = doctor("--write-drop-in", path)
    finally:
        os.umask(before)
    assert (code, err) == (0, "")
    assert "systemctl daemon-reload" in out
    comment, section, *lines = path.read_text().splitlines()
    assert comment.startswith("# ")
    assert section == "[Service]"
    assert all(line.startswith("DeviceAllow=/dev/") for line in lines)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert doctor("--write-drop-in", path)[0] == 0  # anew


def test_a_drop_in_without_a_service_is_refused(doctor, tmp_path):
    path = tmp_path / "nowhere/at/all.conf"
    code, out, err = doctor("--write-drop-in", path)
    assert (code, out) == (4, "")
    (line,) = err.splitlines()
    assert line.startswith(f"sfumato: {path.parent}: ")
    assert line.endswith("is the service installed?")
