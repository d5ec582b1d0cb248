"""`python -m tests.demo.console docs/console.png`: a picture of the operator's console.

One of its devices is a real agent, which redacts rendered bottles; of the others there is only what
they would have told the broker.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "tests" / "world"))

from broker import Broker  # noqa: E402 of tests/world
from browser_page import BrowserPage  # noqa: E402
from console_process import ConsoleProcess  # noqa: E402
from running_agent import RunningAgent  # noqa: E402
from told_fleet import ToldFleet  # noqa: E402

from tests.demo.__main__ import render  # noqa: E402

_WIDTH, _HEIGHTS = 1180, (610, 860)
_CONFIGURATION = {"streams": {"door": {"source": "bottles.mp4", "loop": True, "realtime": True}}}
_WRITTEN = """{
  "streams": {
    "door": {
      "source": "bottles.mp4",
      "loop": true,
      "realtime": true,
      "effect": "solid",
      "margin": 0.1
    }
  }
}"""


def main(path: Path) -> int:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "bottles.mp4").open("wb") as file:
            render(file)
        with Broker(folder / "broker") as broker, ToldFleet(broker.port) as fleet:
            _tell(fleet)
            with (
                RunningAgent(folder, _configured(broker.port)) as agent,
                ConsoleProcess(folder / "console", broker.port) as console,
            ):
                agent.ready()
                pictures = [*_pictures(console.address)]
    whole = np.vstack([pictures[0], np.full((6, _WIDTH, 3), 160, np.uint8), pictures[1]])
    _write(path, whole)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


def _configured(port: int) -> dict:
    demo = _ROOT / "models" / "demo"
    return {
        "device": "gate-7",
        "groups": ["site-north"],
        "model": {"bundle": str(demo / "bottles.sfm"), "trust": [str(demo / "demo.pub")]},
        "mqtt": {"host": "127.0.0.1", "port": port, "jitter_s": 0},
        **_CONFIGURATION,
    }


def _tell(fleet: ToldFleet) -> None:
    for number in (1, 2):
        fleet.device(f"gate-{number}", version=5)
    fleet.device("gate-3", version=5, state="active")
    fleet.device("gate-4", state="fetching")
    fleet.device("gate-5", reason="lost", state=None)
    fleet.device("gate-6", streams={"door": "running", "yard": "reconnecting"}, state=None)
    fleet.configured("gate-6", 3, desired=4)
    fleet.offer(50)


def _pictures(address: str):
    with BrowserPage(_WIDTH, 900) as page:
        page.open(address)
        page.shows("gate-7")
        page.until("[...document.querySelectorAll('tbody tr')].at(-1).innerText.includes('1/1')")
        yield _picture(page, _HEIGHTS[0])
        page.open(f"{address}device/gate-7")
        page.until("!!document.querySelector('button[title=snapshot]')")
        page.shows("running")
        page.write(".cm-content", _WRITTEN)
        page.click("Set")
        page.shows("gate-7 runs by rev")
        page.shows("event")
        page.ask("document.querySelector('button[title=snapshot]').click()")
        page.until("document.querySelector('.q-img img')?.complete")
        time.sleep(1)  # it fades in
        yield _picture(page, _HEIGHTS[1])


def _picture(page: BrowserPage, height: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(page.picture(), np.uint8), cv2.IMREAD_COLOR)
    return image[:height, :_WIDTH]


def _write(path: Path, picture: np.ndarray) -> None:
    """As a PNG of few colours."""
    from PIL import Image

    few = Image.fromarray(picture[:, :, ::-1]).quantize(128, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
