"""Browsers as cameras of a real agent: page, sockets, codecs, detector and back."""

import base64
import json

import av
import pytest
from browser import CHROMIUM
from browser_page import BrowserPage
from firefox_page import FIREFOX, FirefoxPage
from live_process import ROOT, LiveProcess
from numbered_camera import chromium_camera, numbered_film
from picture_number import NOTE, READ, read_number

from agent.live.wire import picture_of

pytestmark = pytest.mark.slow
PICTURES = 60
SEE = """
  const film = document.querySelector("#film");
  window.seen = [read(film)];
  film.requestVideoFrameCallback(function see() {
    seen.push(read(film));
    film.requestVideoFrameCallback(see);
  });
"""
"""JavaScript: what the film shows from now on, picture by picture."""
FAR = "cam.lan"
"""A name of this machine that makes no secure context."""
DEMO = ROOT / "models" / "demo"
MODEL = ("--model", DEMO / "bottles.sfm", "--trust", DEMO / "demo.pub")
COMMAND = ("-m", "agent", "live", "--listen", "127.0.0.1:0", *MODEL)


@pytest.fixture(scope="module")
def live():
    """An agent whose detector sees each third frame, and which waits for nothing."""
    with LiveProcess(*COMMAND, "--latency", "low") as live:
        yield live
        assert live.end() == 0
        assert "Traceback" not in live.said()


def sent(page):
    """By number, what each picture carries that the page sent to the agent."""
    eye, carried = av.CodecContext.create("h264", "r"), {}
    for message in frames(page, "Sent", 2):
        picture = picture_of(base64.b64decode(message))
        for frame in eye.decode(av.Packet(picture.payload)):
            carried[picture.number] = read_number(frame.to_ndarray(format="gray"))
    return carried


def covered_whole(page):
    """Numbers of the pictures that the agent says are covered whole."""
    told = [json.loads(message) for message in frames(page, "Received", 1)]
    return {each["number"] for each in told if each["type"] == "objects" and each["whole"]}


def frames(page, way, kind):
    page.ask("1")
    return [
        event["params"]["response"]["payloadData"]
        for event in page.events
        if event["method"] == f"Network.webSocketFrame{way}"
        and event["params"]["response"]["opcode"] == kind
    ]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packs it")
def test_chromium_shows_what_it_sent_under_the_number_it_sent(live, tmp_path):
    with BrowserPage(flags=chromium_camera(tmp_path / "numbers.y4m")) as page:
        page.open(f"http://{live.address}/")
        page.shows("Show your camera to begin")
        page.click("Show my camera")
        page.until("document.querySelector('#frame').dataset.number > 0")
        page.ask(NOTE)
        page.until(f"noted.length >= {PICTURES}")
        noted = dict(page.ask("noted"))
        truth, whole = sent(page), covered_whole(page)
        clear = noted.keys() - whole
        assert len(clear) > PICTURES / 2
        assert {n: noted[n] for n in clear} == {n: truth[n] for n in clear}
        page.shows("low, 0 frames held back")
        page.click("Stop my camera")
        page.shows("Show your camera to begin")
        assert page.faults() == []
        assert {address.split("/")[2] for address in page.requests()} == {live.address}


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packs it")
def test_a_file_is_watched_and_sought_where_pages_have_no_decoder(tmp_path):
    film = numbered_film(tmp_path / "numbers.mp4")
    with (
        LiveProcess(*COMMAND, film, "--loop", "--host", FAR) as live,
        BrowserPage(flags=[f"--host-resolver-rules=MAP {FAR} 127.0.0.1"]) as page,
    ):
        page.open(f"http://{FAR}:{live.address.split(':')[1]}/")
        page.shows("by MediaSource")
        page.until("document.querySelector('#film').currentTime > 0.5")
        page.click("Pause")
        page.shows("Resume")
        page.ask(READ + SEE)
        page.ask("""(() => {
          const bar = document.querySelector("#position");
          bar.value = 5;
          bar.dispatchEvent(new Event("change"));
        })()""")
        page.shows("0:05 of 0:08")
        page.click("Resume")
        page.until("seen.at(-1) >= 155")
        first, *seen = page.ask("seen")
        assert [number for number in seen if first + 30 < number < 150] == []
        assert page.faults() == []


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox is here: install Debian's firefox-esr")
def test_firefox_whose_h264_is_late_sends_vp8_and_says_so(live):
    with FirefoxPage() as page:
        page.open(f"http://{live.address}/")
        page.click("Show my camera")
        page.shows("Your camera is sent as VP8: this browser's H.264 encoder holds pictures back")
        page.until("document.querySelector('#frame').dataset.number > 30")
        page.shows("by WebCodecs")
        page.click("Stop my camera")
        page.shows("Show your camera to begin")
