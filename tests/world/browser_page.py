"""BrowserPage: a page in a real Chromium without a screen, which is steered and looked at."""

import base64
import json
import os
import subprocess
import tempfile
import time

from browser import CHROMIUM, FLAGS
from steered_page import SteeredPage

_LIMIT_S = 60


class LeftError(Exception):
    """The page that was asked is being left for another."""


class BrowserPage(SteeredPage):
    """One page, in a browser of its own; a context. What it is told goes through two pipes."""

    def __init__(self, width=1280, height=800, flags=()):
        self._flags = (f"--window-size={width},{height}", *flags)
        self._number = 0
        self._rest = b""
        self.events = []

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._steer, there = os.pipe(), os.pipe()
        # It reads from 3 and writes to 4.
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$0" "$@" 3<&{self._steer[0]} 4>&{there[1]}',
                str(CHROMIUM),
                *FLAGS,
                *self._flags,
                "--remote-debugging-pipe",
                "--hide-scrollbars",
                f"--user-data-dir={self._profile.name}",
                "about:blank",
            ],
            pass_fds=(self._steer[0], there[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(self._steer[0])
        os.close(there[1])
        self._to, self._from = self._steer[1], there[0]
        self._session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(each for each in targets if each["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def call(self, method, **params):
        """A command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._read()
            if said.get("id") == self._number:
                if "navigated" in said.get("error", {}).get("message", ""):
                    raise LeftError
                assert "error" not in said, said
                return said["result"]
            self.events.append(said)

    def _read(self):
        while b"\0" not in self._rest:
            more = os.read(self._from, 1 << 20)
            assert more, "the browser is gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def open(self, address):
        self.call("Page.navigate", url=address)

    def hide(self):
        """Another page comes before it; `Page.bringToFront` ends that."""
        self.call("Target.createTarget", url="about:blank")

    def ask(self, script):
        """What an expression in JavaScript is, in the page; None where that is just being left."""
        try:
            found = self.call(
                "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
            )
        except LeftError:
            return None
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def write(self, where, text):
        """Put a text into an editor, as a person does who marks all and writes."""
        place = f"document.querySelector({json.dumps(where)})"
        self.until(f"!!{place}")
        deadline_s = time.monotonic() + _LIMIT_S
        while self.ask(f"{place}.innerText") != text:
            assert time.monotonic() < deadline_s, self.text()
            self.ask(f"{place}.focus()")
            self.ask("document.execCommand('selectAll')")
            self.call("Input.insertText", text=text)
            self.ask("new Promise(done => setTimeout(done, 50))")

    def picture(self):
        """PNG of what it shows."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def faults(self):
        """What the browser's console holds against it: errors, exceptions, what a policy forbade."""
        self.ask("1")
        return [
            event["params"]
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
            or (
                event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"
            )
        ]

    def requests(self):
        """Addresses that it asked for."""
        self.ask("1")
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ] + [
            event["params"]["url"]
            for event in self.events
            if event["method"] == "Network.webSocketCreated"
        ]
