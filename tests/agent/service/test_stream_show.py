"""What those who watch a stream are told of how it is."""

import pytest

from agent.live.controls import CameraControls
from agent.live.show import Pause, Resume
from agent.live.view import View
from agent.service.stream_show import StreamShow
from agent.settings import Looking
from agent.telemetry.status import StreamStatus


def show_of(state, reason=""):
    controls = CameraControls(lambda _paused: None)
    status = StreamStatus(state, reason)
    return StreamShow("door", View(), lambda: status, Looking, controls, is_live=True)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("/srv/my films/street.mp4: no video stream in it", "street.mp4: no video stream in it"),
        ("/var/lib/video/door: No space left on device", "door: No space left on device"),
        ("door: refused the password (401)", "door: refused the password (401)"),
    ],
)
def test_no_folder_of_the_device_is_told(reason, told):
    state = show_of("reconnecting", reason).state()
    assert (state.state, state.why) == ("reconnecting", told)


@pytest.mark.parametrize("state", ["running", "stalled"])
def test_what_is_paused_is_not_stale(state):
    show = show_of(state, "no frame for 10 s" if state == "stalled" else "")
    assert show.do(Pause()) is None
    assert (show.state().state, show.state().why) == ("paused", None)
    show.do(Resume())
    assert show.state().state != "paused"


def test_a_pause_hides_no_fault():
    show = show_of("reconnecting", "it hung up")
    show.do(Pause())
    assert show.state().state == "reconnecting"
