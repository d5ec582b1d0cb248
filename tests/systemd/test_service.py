"""The agent as systemd's: when it is ready, how it is reloaded, stopped and brought back."""

import time

import pytest
from worlds import leaks, lumas

from tests.systemd.conftest import CAMERA, INSTALL
from tests.systemd.service import UNIT, until

AWAY = """\
model: {bundle: world.sfm, allow_unsigned: true}
streams:
  door: rtsp://10.0.0.5/stream1
  yard: /dev/video7
"""

pytestmark = pytest.mark.slow


def now_s():
    """Of the clock that a machine shares with us."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def test_it_is_ready_without_a_camera_and_a_network(boot):
    service = boot(AWAY)
    assert service.state == "active (running)"
    assert service.shown("NRestarts") == "0"
    assert service.shown("StatusText")


def test_a_wrong_configuration_is_not_tried_again(boot):
    service = boot(CAMERA.replace("streams", "screams"))
    assert service.state == "failed (failed)"  # before another try: activating (auto-restart)
    assert service.shown("ExecMainStatus") == "2"
    assert service.shown("NRestarts") == "0"
    assert "agent.yaml:2: screams" in service.said


def test_whatever_else_ends_it_it_comes_back(boot):
    service = boot(CAMERA)
    pid = service.pid
    service.systemctl("kill", "--signal=KILL")
    until(lambda: service.is_back(pid))
    assert service.shown("NRestarts") == "1"


def test_frozen_it_is_killed_by_the_watchdog_and_comes_back(boot):
    service = boot(CAMERA)
    pid = service.pid
    service.systemctl("kill", "--signal=STOP")
    frozen_s = now_s()
    until(lambda: service.is_back(pid))
    assert service.said_at("Watchdog timeout (limit 30s)!") - frozen_s <= 35


def test_a_reload_with_a_bad_file_fails_with_the_reason_and_changes_nothing(boot):
    service = boot(CAMERA)
    pid = service.pid
    service.config.write_text(CAMERA.replace("effect", "efect"))
    assert service.systemctl("reload", check=False).returncode
    assert "efect" in service.said
    assert "did you mean" in service.said
    assert service.state == "active (running)"
    service.config.write_text(CAMERA.replace("solid", "pixelate"))
    service.systemctl("reload")
    until(lambda: service.state == "active (running)")  # reload, until READY
    assert service.pid == pid


BEGINS_ANEW = """\
[Service]
ExecStart=
ExecStart=/opt/sfumato/bin/python /repo/tests/world/restartable.py run --config /etc/sfumato/agent.yaml
"""


def test_it_begins_anew_and_systemd_sees_no_end(boot):
    service = boot(CAMERA)
    drop_in = service.machine.disk / "etc/systemd/system/sfumato-agent.service.d/anew.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(BEGINS_ANEW)
    service.machine.exec("systemctl", "daemon-reload")
    service.systemctl("restart")
    began = 2  # at boot, and now; the journal is written in its own time
    until(lambda: service.said.count("ready: ") == began)
    pid = service.pid
    for turn in (1, 2):
        service.systemctl("kill", "--signal=USR1")
        until(lambda turn=turn: service.said.count("ready: ") == began + turn)
        until(lambda: service.state == "active (running)")
        assert service.pid == pid
    assert service.shown("NRestarts") == "0"
    assert service.shown("Result") == "success"
    until(lambda: len(service.recordings()) >= 3)
    service.systemctl("kill", "--signal=STOP")  # and it is still watched
    until(lambda: service.is_back(pid))
    assert "Watchdog timeout (limit 30s)!" in service.said


def test_a_secret_comes_from_a_file_that_only_root_reads(boot):
    service = boot(AWAY.replace("10.0.0.5", "viewer:${credential:door}@10.0.0.5"))
    assert service.state == "failed (failed)"
    assert "door" in service.said
    secret = service.config.parent / "credentials" / "door"
    secret.touch(0o600)
    secret.write_text("sesame")
    service.machine.exec(INSTALL)
    service.systemctl("start")
    service.systemctl("reload")
    until(lambda: service.state == "active (running)")
    assert "LoadCredential=door:/etc/sfumato/credentials/door" in service.systemctl("cat").stdout
    assert "sesame" not in service.said + service.systemctl("show").stdout


def test_stopped_it_finishes_its_last_recording_in_ten_seconds(boot):
    service = boot(CAMERA)
    until(lambda: len(service.recordings()) >= 2)
    asked_s = now_s()
    service.systemctl("stop")
    assert service.said_at(f"{UNIT}.service: Deactivated successfully") - asked_s <= 10
    video = service.machine.disk / "var/lib/sfumato/video"
    named = service.recordings()
    assert sorted(path for path in video.rglob("*") if path.suffix == ".mp4") == sorted(named)
    for path in named:
        pictures = lumas(path)
        assert pictures
        assert leaks(pictures) == {}
