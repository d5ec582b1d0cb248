"""The live page in a real Chromium, with a camera whose every picture carries a number."""

import json
import time
from contextlib import ExitStack

import numpy as np
import pytest
from browser import CHROMIUM
from browser_page import BrowserPage
from live_echo import LiveEcho
from numbered_camera import chromium_camera
from picture_number import NOTE, READ
from worlds import until

from agent.live.ledger import Credit, may_send
from agent.live.wire import Refused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packs it"),
]
PICTURES = 60
FAR = "cam.lan"
"""A name of this machine that makes no secure context."""


HOLDING = """
window.told = [];
const Decoder = window.VideoDecoder;
window.VideoDecoder = class {
  #held = [];
  #inner;
  #most = 8;
  constructor({output, error}) {
    const give = frame => {
      this.#held.push(frame);
      while (this.#held.length > this.#most) output(this.#held.shift());
    };
    this.#inner = new Decoder({output: give, error});
  }
  get state() { return this.#inner.state; }
  get decodeQueueSize() { return this.#inner.decodeQueueSize; }
  configure(config) {
    window.told.push(config.hardwareAcceleration);
    if (config.hardwareAcceleration == "prefer-software") this.#most = 0;
    this.#inner.configure(config);
  }
  decode(chunk) { this.#inner.decode(chunk); }
  close() { for (const frame of this.#held) frame.close(); this.#inner.close(); }
};
"""
"""JavaScript: a device whose decoder in hardware keeps eight pictures."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One of each: server, camera, browser."""
    flags = (
        *chromium_camera(tmp_path_factory.mktemp("camera") / "numbers.y4m"),
        f"--host-resolver-rules=MAP {FAR} 127.0.0.1",
    )
    with ExitStack() as stack:
        world = type("World", (), {})()
        world.echo = stack.enter_context(LiveEcho())
        world.page = stack.enter_context(BrowserPage(height=1100, flags=flags))
        yield world
        hosts = {address.split("/")[2] for address in world.page.requests()}
        assert hosts <= {f"{host}:{world.echo.port}" for host in ("127.0.0.1", FAR)}
        assert world.page.faults() == []


@pytest.fixture
def echo(world):
    """The server, as at first, and nobody there."""
    world.page.open("about:blank")
    world.page.until("location.href == 'about:blank'")
    world.echo.reset()
    return world.echo


@pytest.fixture
def page(world):
    return world.page


@pytest.fixture
def film(echo, page):
    """Opens the page and starts its camera, before a server that is as told by then."""

    def start():
        page.open(echo.address)
        page.click("Show my camera")

    return start


def eventually(is_so):
    deadline_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_what_is_shown_is_the_picture_of_its_number_and_drops_stop_nobody(echo, page, film):
    echo.drops = 3
    film()
    page.until("document.querySelector('#frame').dataset.number > 0")
    page.ask(NOTE)
    page.until(f"noted.length >= {PICTURES}")
    noted = page.ask("noted")
    assert [number for number, _ in noted] == sorted({number for number, _ in noted})
    assert {number: carried for number, carried in noted if echo.numbers[number] != carried} == {}
    assert len({carried for _, carried in noted}) > PICTURES / 2
    assert not {number for number, _ in noted} & set(echo.dropped)
    page.shows("avc1.42e01e, 320\u00d7180")
    page.shows("avc1.42C01E by WebCodecs")


def test_of_a_camera_nothing_is_drawn_but_what_comes_back(echo, page, film):
    echo.silent, echo.most_late_ms = True, 60_000
    film()
    eventually(lambda: len(echo.numbers) > 10)
    assert sum(echo.keys.values()) == 1
    echo.ask_for_key()
    eventually(lambda: sum(echo.keys.values()) == 2)
    page.shows("No picture yet")
    assert page.ask("[...document.querySelectorAll('video')].every(each => !each.srcObject)")
    assert page.ask("document.querySelector('#picture').width") == 1


def test_where_pictures_stay_out_nothing_more_is_sent(echo, page, film):
    echo.silent = True
    film()
    eventually(lambda: len(echo.numbers) > 0)

    def is_still():
        before = len(echo.numbers)
        page.ask("new Promise(done => setTimeout(done, 500))")
        return len(echo.numbers) == before

    eventually(is_still)
    flight = "[...document.querySelectorAll('dt')].find(e => e.innerText == 'In flight')"
    shown = f"Number({flight}?.nextSibling.innerText)"
    eventually(lambda: page.ask(shown) == len(echo.numbers))  # a slow machine may go on


def test_who_finds_no_place_is_told_and_comes_in_once_there_is_one(echo, page, film):
    echo.limit = 0
    film()
    page.shows("All places for cameras are taken: 5 of 5. It is tried again by itself.")
    page.shows("Try now (or in")
    echo.limit = 1
    page.until("document.querySelector('#frame').dataset.number > 0")
    assert page.ask("document.querySelector('#notice').hidden")
    page.click("Stop my camera")
    page.shows("Show your camera to begin")


def test_who_would_leave_too_little_for_others_is_told_that_and_tries_again(echo, page, film):
    few = (
        "this machine shows 2 cameras; one more would leave less than 10 pictures a second for each"
    )
    echo.busy = Refused(why="busy", text=few, clients=2, limit=5)
    echo.limit = 0
    film()
    page.shows(f"T{few[1:]}. It is tried again by itself.")
    page.shows("Try now (or in")
    echo.limit = 1
    page.until("document.querySelector('#frame').dataset.number > 0")


def test_a_hidden_page_sends_nothing_and_comes_back_with_a_key(echo, page, film):
    film()
    page.until("document.querySelector('#frame').dataset.number > 0")
    echo.orders.clear()  # a page that is left rests, too, and says so
    page.hide()
    page.until("document.hidden && document.querySelector('#banner').innerText.includes('hidden')")
    until(lambda: ("pause", None) in echo.orders)
    page.call("Page.bringToFront")
    until(lambda: ("resume", None) in echo.orders)
    before = echo.came["resume"]
    assert before - echo.came["pause"] <= 4  # what was under way, by its credit
    page.until(f"document.querySelector('#frame').dataset.number > {before + 5}")
    after = sorted(number for number in echo.numbers if number > before)
    assert any(echo.keys[number] for number in after[:5])  # what was under way may come before it
    assert ("key", None) in echo.orders


def test_pause_of_a_camera_greys_the_picture(echo, page, film):
    film()
    page.until("document.querySelector('#frame').dataset.number > 0")
    echo.orders.clear()  # a page that is left rests, too, and says so
    page.click("Pause")
    page.until("document.querySelector('#frame').classList.contains('old')")
    page.until("document.querySelector('#banner').innerText == 'Paused'")
    page.click("Resume")
    page.until("document.querySelector('#banner').hidden")
    until(lambda: ("resume", None) in echo.orders)
    assert [what for what, _ in echo.orders if what != "key"] == ["pause", "resume"]


def test_without_a_secure_context_it_explains_the_camera_and_watches_a_film(echo, page):
    echo.streams = ["door"]
    page.open(f"http://{FAR}:{echo.port}/")
    page.shows("open this page as http://localhost")
    assert page.ask("document.querySelector('#camera').disabled")
    page.shows("by MediaSource")
    page.until("document.querySelector('#film').currentTime > 0.5")
    page.ask(READ + "window.read = read;")
    first = page.ask("read(document.querySelector('#film'))")
    page.until(f"read(document.querySelector('#film')) > {first + 30}")
    assert echo.hellos[-1].as_ == "fmp4"


def test_a_file_is_sought_paused_and_stepped(echo, page):
    echo.streams = ["street.mp4"]
    echo.state = {"seekable": True, "position_s": 61.0, "duration_s": 125.0}
    page.open(echo.address)
    page.shows("1:01 of 2:05")
    echo.orders.clear()  # the page before ordered a pause while it was left
    assert page.ask("document.querySelector('#step').disabled")
    page.ask("""(() => {
      const bar = document.querySelector("#position");
      bar.value = 100;
      bar.dispatchEvent(new Event("input"));
      bar.dispatchEvent(new Event("change"));
    })()""")
    page.click("Pause")
    page.until("document.querySelector('#frame').classList.contains('old')")
    page.click("Step")
    until(lambda: ("step", None) in echo.orders)
    assert page.ask("document.querySelector('#pause').innerText") == "Resume"
    assert [order for order in echo.orders if order[0] != "key"] == [
        ("seek", 100.0),
        ("pause", None),
        ("step", None),
    ]


def test_a_token_is_asked_for_and_stands_in_no_address(echo, page):
    echo.streams, echo.token = ["door"], "open sesame"
    page.open(echo.address)
    page.shows("A token is needed")
    page.ask("document.querySelector('#token').value = 'wrong'")
    page.click("Enter")
    page.shows("This needs the token.")
    page.ask("document.querySelector('#token').value = 'open sesame'")
    page.click("Enter")
    page.until("document.querySelector('#status').innerText == 'Live'")
    assert page.ask("document.querySelector('#entry').hidden")
    assert not [address for address in page.requests() if "sesame" in address]


def test_the_last_pictures_age_is_told_and_a_lost_connection_comes_back(echo, page):
    echo.streams = ["door", "yard"]
    page.open(echo.address)
    page.click("yard")
    page.until("document.querySelector('[aria-current=true]')?.innerText == 'yard'")
    page.until("document.querySelector('#empty').hidden")
    assert echo.hellos[-1].stream == "yard"
    echo.silent = True
    page.until("/^Last picture \\d s ago$/.test(document.querySelector('#banner').innerText)")
    page.until("document.querySelector('#frame').classList.contains('old')")
    echo.silent = False
    echo.hang_up()
    page.shows("There is no connection. It is tried again by itself.")
    page.until("document.querySelector('#banner').hidden")
    assert echo.hellos[-1].stream == "yard"


def test_labels_and_why_all_is_covered(echo, page):
    def drawn():
        return page.ask("""(() => {
          const canvas = document.querySelector("#labels");
          const copy = new OffscreenCanvas(canvas.width, canvas.height);
          const context = copy.getContext("2d");
          context.drawImage(canvas, 0, 0);
          const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
          return data.some(each => each > 0);
        })()""")

    echo.streams, echo.whole = ["door"], "no result yet"
    page.open(echo.address)
    page.shows("Covered whole: no result yet")
    assert drawn()
    page.ask("document.querySelector('#boxes').click()")
    assert not drawn()


def test_what_no_decoder_takes_is_tried_as_a_film_and_then_told(echo, page):
    echo.streams, echo.codec = ["door"], "avc1.000000"
    page.open(echo.address)
    page.shows("The browser can't show avc1.000000")
    assert [hello.as_ for hello in echo.hellos] == ["h264", "fmp4"]


def test_a_decoder_that_holds_pictures_back_gives_way_to_software(echo, page):
    begun = page.call("Page.addScriptToEvaluateOnNewDocument", source=HOLDING)
    echo.streams = ["door"]
    page.open(echo.address)
    page.shows("its software decoder takes over")
    page.until("window.told.at(-1) === 'prefer-software'")
    page.until("document.querySelector('#empty').hidden")
    assert page.ask("window.told") == ["no-preference", "prefer-software"]
    page.call("Page.removeScriptToEvaluateOnNewDocument", **begun)


def test_credit_is_the_servers_rule(echo, page):
    page.open(echo.address)
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(300):
        open_ms = np.sort(rng.uniform(0, 700, rng.integers(0, 7)))[::-1]
        untaken = rng.random(len(open_ms)) < 0.4
        sent_ms = open_ms * rng.uniform(0.2, 1, len(open_ms)).min(initial=1)
        cases.append((open_ms.tolist(), untaken.tolist(), sent_ms.tolist()))
    limits = {"most_untaken": 4, "most_age_ms": 200, "most_late_ms": 500}
    expected = [
        may_send(Credit(**limits), [s for s, u in zip(sent, untaken, strict=True) if u], open_ms)
        for open_ms, untaken, sent in cases
    ]
    assert 30 < sum(expected) < 270
    assert expected == page.ask(f"""import("/credit.js").then(({{Credit}}) =>
      {json.dumps(cases)}.map(([open, untaken, sent]) => {{
        const credit = new Credit({json.dumps(limits)});
        open.forEach((age, n) => credit.sent(n, 1000 - age, 1000 - sent[n]));
        untaken.forEach((still, n) => {{ if (!still) credit.taken(n); }});
        return credit.may(1000, 0);
      }}))""")


@pytest.mark.parametrize(
    ("size", "codec"),
    [((640, 360), "avc1.42e01e"), ((1280, 720), "avc1.42e01f"), ((1920, 1080), "avc1.42e028")],
)
def test_the_level_is_that_of_the_size(echo, page, size, codec):
    page.open(echo.address)
    ask = f"import('/codecs.js').then(it => it.h264({size[0]}, {size[1]}))"
    assert page.ask(ask)["codec"] == codec
