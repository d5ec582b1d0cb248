"""Onlooker: an operator at a broker, who hears all that a device says and gives it orders."""

import json
import time
from collections import Counter

from mqtt_client import TIMEOUT_S, Client


def until(reached, timeout_s=2 * TIMEOUT_S):
    """Wait for what other processes bring about; what it was in the end."""
    deadline = time.monotonic() + timeout_s
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


class Onlooker:
    """A context; hears a device for as long as it lasts, over any number of connections.

    Attributes:
        client: its connection.
        sent: bodies of commands, by id.
    """

    def __init__(self, broker, device="gate"):
        self.root = f"sfumato/v1/{device}"
        filters = ("conn", "info", "streams", "config/reported", "model/reported", "evt/+", "res/+")
        topics = [f"{self.root}/{each}" for each in filters]
        self.client = Client(broker.address(username="onlooker"), "onlooker", *topics, clean=True)
        self.sent = {}
        self._counted, self._counts, self._known = 0, Counter(), set()

    def __enter__(self):
        self.client.__enter__()
        return self

    def __exit__(self, *error):
        self.client.__exit__(*error)

    def heard(self, topic, *, retained=False):
        """What was said below a topic, in order; by default without what was there before."""
        return [
            (message.topic.removeprefix(f"{self.root}/"), json.loads(message.payload))
            for message in [*self.client.heard]
            if message.topic.startswith(f"{self.root}/{topic}")
            and (retained or not message.retained)
        ]

    def wait(self, has_come, timeout_s=2 * TIMEOUT_S):
        """Until what was heard makes something so."""
        self.client.wait(has_come, timeout_s)

    def count(self, topic):
        """How often something was said at a topic, or below it.

        What was there when this connected counts if it was not heard before: it was said meanwhile.
        """
        heard = self.client.heard
        while self._counted < len(heard):
            message = heard[self._counted]
            word = message.topic.removeprefix(f"{self.root}/").partition("/")[0]
            said = message.topic, message.payload
            self._counts[word] += not message.retained or said not in self._known
            self._known.add(said)
            self._counted += 1
        return self._counts[topic]

    def wait_more(self, topic, than):
        """Until it was said more often than so."""
        self.wait(lambda: self.count(topic) > than)

    def order(self, op, command_id, args=None, ttl_s=3600):
        """Give an order; nothing is waited for but the broker."""
        body = {"v": 1, "id": command_id, "args": args or {}, "ttl_s": ttl_s}
        self.sent.setdefault(command_id, (op, args))
        self.client.publish(f"{self.root}/cmd/{op}", json.dumps(body).encode())

    def configure(self, rev, streams=None):
        """Have the device run by another configuration, which stays at the broker."""
        body = {"v": 1, "rev": rev, "streams": streams or {}}
        payload = json.dumps(body).encode()
        self.client.publish(f"{self.root}/config/desired", payload, retain=True)

    def newest(self, topic):
        """What was said last at a topic, or stood there when this looked."""
        return self.heard(topic, retained=True)[-1][1]

    def answers(self, command_id, *, terminal=True):
        """What was answered, each as often as it came."""
        said = [body for _, body in self.heard(f"res/{command_id}")]
        return [
            body
            for body in said
            if body["id"] == command_id and not (terminal and body["state"] == "accepted")
        ]

    def answer(self, command_id):
        """The one that comes."""
        self.wait(lambda: self.answers(command_id))
        return self.answers(command_id)[0]

    def ask(self, op, command_id, args=None):
        """Give an order, and what it is answered."""
        before = len(self.answers(command_id))
        self.order(op, command_id, args)
        self.wait(lambda: len(self.answers(command_id)) > before)
        return self.answers(command_id)[-1]
