"""SteeredPage: what is asked of a page in whatever browser."""

import json
import time

_LIMIT_S = 60


class SteeredPage:
    """Of a class that can `ask`."""

    def until(self, script):
        """Wait for what will be so."""
        deadline_s = time.monotonic() + _LIMIT_S
        while not (found := self.ask(script)):
            assert time.monotonic() < deadline_s, (script, self.text())
            time.sleep(0.05)
        return found

    def text(self):
        return self.ask("(document.body?.innerText ?? '')")

    def shows(self, words):
        """Wait until it shows these words."""
        self.until(f"(document.body?.innerText ?? '').includes({json.dumps(words)})")

    def click(self, words, tag="button"):
        """The first thing of a kind with exactly these words."""
        find = (
            f"[...document.querySelectorAll({json.dumps(tag)})]"
            f".find(e => e.innerText.trim().toLowerCase() == {json.dumps(words.lower())})"
        )
        self.until(f"!!{find}")
        self.ask(f"{find}.click()")
