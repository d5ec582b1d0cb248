"""FirefoxPage: a page in a real Firefox without a screen, steered over WebDriver BiDi."""

import json
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from steered_page import SteeredPage
from websockets.sync.client import connect

FIREFOX = shutil.which("firefox-esr")

_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
}
"""A camera that shows a moving picture, and nobody who has to allow it."""


class FirefoxPage(SteeredPage):
    """One page, in a browser of its own; a context. What it prints is read on a thread."""

    def __enter__(self):
        self._number = 0
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items())
        Path(self._profile.name, "user.js").write_text("\n".join(lines))
        self._process = subprocess.Popen(
            [
                *(FIREFOX, "--headless", "--no-remote", "--profile", self._profile.name),
                *("--remote-debugging-port", "0", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = iter(self._process.stderr)
        address = next(found[1] for line in said if (found := _LISTENS.search(line)))
        self._reader = threading.Thread(target=lambda: [*said])
        self._reader.start()
        self._connection = connect(f"{address}/session", max_size=None, proxy=None)
        self._socket = self._connection.__enter__()
        self.call("session.new", capabilities={})
        tree = self.call("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        return self

    def __exit__(self, *_):
        self._connection.__exit__(None, None, None)
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stderr.close()
        self._profile.cleanup()

    def call(self, method, **params):
        """A command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        self._socket.send(json.dumps(message))
        while True:
            said = json.loads(self._socket.recv(60))
            if said.get("id") == self._number:
                assert said["type"] == "success", said
                return said["result"]

    def open(self, address):
        self.call("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def ask(self, script):
        """What an expression in JavaScript is, in the page."""
        found = self.call(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then(it => JSON.stringify(it ?? null))",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])
