"""A console and its broker, all of whose pages are fetched; for a room from which nothing gets out."""

import re
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from broker import Broker
from console_process import ConsoleProcess
from told_fleet import ToldFleet


def get(address):
    with urllib.request.urlopen(address, timeout=60) as page:  # noqa: S310 an address of ours
        return page.read().decode(errors="replace")


def main():
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        with Broker(here / "broker") as broker, ToldFleet(broker.port) as fleet:
            fleet.device("gate-1")
            fleet.offer()
            with ConsoleProcess(here / "console", broker.port) as console:
                for path in ("", "device/gate-1", "rollouts"):
                    page = get(console.address + path)
                    links = re.findall(r'"(/[^" ]+\.(?:m?js|css|ico))"', page)
                    if not links:
                        raise SystemExit(f"{path}: no page")
                    for link in dict.fromkeys(links):
                        get(urllib.parse.urljoin(console.address, link))
                assert console.stop() == 130


if __name__ == "__main__":
    main()
